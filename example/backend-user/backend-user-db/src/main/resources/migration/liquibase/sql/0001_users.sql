--liquibase formatted sql

--changeset user:0001-email
create domain "user".email_address as text check (value ~ '^[^@[:space:]]+@[^@[:space:]]+$');
--rollback drop domain "user".email_address;

--changeset user:0001-users
create table "user".users (
    id bigint generated always as identity primary key,
    email "user".email_address not null unique,
    name text not null,
    created_at timestamptz not null default now()
);
--rollback drop table "user".users;
