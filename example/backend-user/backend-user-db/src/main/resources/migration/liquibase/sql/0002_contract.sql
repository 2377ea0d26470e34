--liquibase formatted sql

--changeset user:0002-contract
--comment: what other schemas may rely on, so that each service can run under a role of its own
grant usage on schema "user" to public;
grant references (id), select (id, email, name) on "user".users to public;
--rollback revoke references (id), select (id, email, name) on "user".users from public;
--rollback revoke usage on schema "user" from public;
