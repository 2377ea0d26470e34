--liquibase formatted sql

--changeset event:0003-contract
--comment: what other schemas may rely on, so that each service can run under a role of its own
grant usage on schema event to public;
grant select (id, title) on event.events to public;
grant references (id), select (id, event_id, user_id, status) on event.bookings to public;
--rollback revoke references (id), select (id, event_id, user_id, status) on event.bookings from public;
--rollback revoke select (id, title) on event.events from public;
--rollback revoke usage on schema event from public;
