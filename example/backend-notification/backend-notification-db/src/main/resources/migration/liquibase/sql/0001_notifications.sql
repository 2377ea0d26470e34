--liquibase formatted sql

--changeset notification:0001-notifications
create table notification.notifications (
    id bigint generated always as identity primary key,
    user_id bigint not null,
    recipient "user".email_address not null,
    text text not null,
    channel text not null,
    created_at timestamptz not null default now()
);
create index notifications_user_id on notification.notifications (user_id);
--rollback drop table notification.notifications;
