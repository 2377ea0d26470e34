--liquibase formatted sql

--changeset payment:0001-payments
create table payment.payments (
    id bigint generated always as identity primary key,
    booking_id bigint not null unique references event.bookings,
    amount numeric(12, 2) not null check (amount > 0),
    provider text not null,
    settles event.booking_status not null default 'paid',
    created_at timestamptz not null default now()
);
--rollback drop table payment.payments;
