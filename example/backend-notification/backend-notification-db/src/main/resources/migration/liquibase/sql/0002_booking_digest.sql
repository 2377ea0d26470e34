--liquibase formatted sql

--changeset notification:0002-booking-digest
create view notification.booking_digest as
select b.id as booking_id, b.user_id, u.name, u.email, e.title, b.status
from event.bookings b
join event.events e on e.id = b.event_id
join "user".users u on u.id = b.user_id;
--rollback drop view notification.booking_digest;
