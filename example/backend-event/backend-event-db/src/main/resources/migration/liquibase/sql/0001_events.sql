--liquibase formatted sql

--changeset event:0001-events
create table event.events (
    id bigint generated always as identity primary key,
    title text not null,
    seats integer not null check (seats > 0),
    taken integer not null default 0,
    created_at timestamptz not null default now(),
    check (taken between 0 and seats)
);
--rollback drop table event.events;
