--liquibase formatted sql

--changeset event:0002-booking-status
create type event.booking_status as enum ('reserved', 'paid', 'cancelled');
--rollback drop type event.booking_status;

--changeset event:0002-bookings
create table event.bookings (
    id bigint generated always as identity primary key,
    event_id bigint not null references event.events,
    user_id bigint not null references "user".users,
    status event.booking_status not null default 'reserved',
    created_at timestamptz not null default now(),
    unique (event_id, user_id)
);
create index bookings_user_id on event.bookings (user_id);
--rollback drop table event.bookings;
