--liquibase formatted sql

--changeset media:0001-files
create table media.files (
    id uuid primary key,
    user_id bigint not null references "user".users,
    name text not null,
    content_type text not null,
    size bigint not null,
    sha256 text not null,
    created_at timestamptz not null default now()
);
create index files_user_id on media.files (user_id);
--rollback drop table media.files;
