--liquibase formatted sql

--changeset crew:0001-crews
create table crew.crews (
    id bigint generated always as identity primary key,
    name text not null,
    created_at timestamptz not null default now()
);
--rollback drop table crew.crews;

--changeset crew:0001-members
create table crew.members (
    crew_id bigint not null references crew.crews,
    user_id bigint not null references "user".users,
    joined_at timestamptz not null default now(),
    primary key (crew_id, user_id)
);
create index members_user_id on crew.members (user_id);
--rollback drop table crew.members;
