-- Run by `roles` beside this file. Prints each statement that was needed. All of it or none.
begin;
set local lock_timeout = '20s';
set local client_min_messages = warning;
-- Names below come out with their schema.
set local search_path = '';
\o /dev/null
select pg_advisory_xact_lock(hashtext('aqua roles'));
\o
\getenv service_roles SERVICE_ROLES

create temporary table wanted on commit drop as
select word[1] as schema, word[2] as role,
       string_to_array(nullif(word[4], '-'), ',') as reads, string_to_array(nullif(word[5], '-'), ',') as refers
from regexp_split_to_table(:'service_roles', E'\n') line, regexp_split_to_array(line, ' +') word
where line <> '';

create function pg_temp.run(statement text) returns text language plpgsql as
$$ begin execute statement; return statement; end $$;

do $$ begin
  if current_user in (select role from pg_temp.wanted) then
    raise exception 'POSTGRES_USER is %, the role of a service; operators need one of their own', current_user;
  end if;
end $$;

-- Roles. The comment marks them as made here.
select pg_temp.run(format('create role %I login', role)) from pg_temp.wanted
where not exists (select from pg_roles where rolname = role);

select pg_temp.run(format('alter role %I login nosuperuser nocreatedb nocreaterole noreplication nobypassrls', role))
from pg_temp.wanted join pg_roles on rolname = role
where not rolcanlogin or rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls;

select pg_temp.run(format('comment on role %I is %L', role, format('aqua: owns schema %I', schema)))
from pg_temp.wanted join pg_roles r on rolname = role
where shobj_description(r.oid, 'pg_authid') is distinct from format('aqua: owns schema %I', schema);

-- Schemas and what is in them, also what an earlier owner made.
select pg_temp.run(format('create schema %I authorization %I', schema, role)) from pg_temp.wanted
where not exists (select from pg_namespace where nspname = schema);

select pg_temp.run(format('alter schema %I owner to %I', schema, role))
from pg_temp.wanted join pg_namespace on nspname = schema
where nspowner <> (select oid from pg_roles where rolname = role);

select pg_temp.run(format('alter %s %s owner to %I', kind, identity, role))
from pg_temp.wanted
join pg_namespace n on nspname = schema
join pg_roles r on rolname = role
cross join lateral (
  select case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
           when 'f' then 'foreign table' when 'c' then 'type' else 'table' end as kind,
         format('%I.%I', schema, relname) as identity, relowner as owner, 'pg_class'::regclass as class, c.oid
  from pg_class c
  where relnamespace = n.oid and relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    -- A column's own sequence goes with its table.
    and not (relkind = 'S' and exists (
      select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')))
  union all
  select 'type', format('%I.%I', schema, typname), typowner, 'pg_type', t.oid
  from pg_type t where typnamespace = n.oid and typtype in ('d', 'e', 'r')
  union all
  select 'routine', format('%I.%I(%s)', schema, proname, pg_get_function_identity_arguments(p.oid)), proowner, 'pg_proc', p.oid
  from pg_proc p where pronamespace = n.oid
  union all
  select 'statistics', format('%I.%I', schema, stxname), stxowner, 'pg_statistic_ext', s.oid
  from pg_statistic_ext s where stxnamespace = n.oid
  union all
  select 'text search configuration', format('%I.%I', schema, cfgname), cfgowner, 'pg_ts_config', s.oid
  from pg_ts_config s where cfgnamespace = n.oid
) thing
where owner <> r.oid
  and not exists (select from pg_depend d where d.classid = class and d.objid = thing.oid and d.deptype = 'e');

-- Who may use which schema: every pair of a role and a schema of another, and everybody (public), who may use none.
create temporary table pairs on commit drop as
select r.oid as grantee, w.role, o.schema, o.role as owner, n.oid as namespace,
       case when o.schema = any (w.reads || w.refers) then '{USAGE}' else '{}' end::text[] as uses,
       array(select privilege_type from aclexplode(nspacl) a where a.grantee = r.oid order by 1) as may,
       case when o.schema = any (w.reads) then '{REFERENCES,SELECT}'
            when o.schema = any (w.refers) then '{REFERENCES}' else '{}' end::text[] as tables
from pg_temp.wanted w
join pg_roles r on rolname = w.role
join pg_temp.wanted o on o.schema <> w.schema
join pg_namespace n on nspname = o.schema;

select pg_temp.run(format('revoke all on schema %I from public', schema))
from pg_temp.wanted join pg_namespace on nspname = schema
where exists (select from aclexplode(nspacl) where grantee = 0);

select pg_temp.run(format('revoke all on all tables in schema %I from public', schema))
from pg_temp.wanted join pg_namespace n on nspname = schema
where exists (
  select from pg_class, aclexplode(relacl) a where relnamespace = n.oid and relkind in ('r', 'p', 'v', 'm', 'f') and a.grantee = 0
  union all
  select from pg_class c join pg_attribute on attrelid = c.oid, aclexplode(attacl) a
  where relnamespace = n.oid and a.grantee = 0);

select pg_temp.run(format('revoke all on schema %I from %I', schema, role))
from pg_temp.pairs where may <> uses and may <> '{}';

select pg_temp.run(format('grant usage on schema %I to %I', schema, role))
from pg_temp.pairs where may <> uses and uses <> '{}';

-- Tables: those that are there, and those that their owner makes later. What is too much goes with all of it.
create temporary table present on commit drop as
select p.*, array(select privilege_type from aclexplode(relacl) a where a.grantee = p.grantee order by 1) as has
from pg_temp.pairs p join pg_class on relnamespace = namespace and relkind in ('r', 'p', 'v', 'm', 'f');

create temporary table later on commit drop as
select p.*, array(
  select privilege_type from pg_default_acl, aclexplode(defaclacl) a
  where defaclrole = (select oid from pg_roles where rolname = owner) and defaclnamespace = namespace
    and defaclobjtype = 'r' and a.grantee = p.grantee order by 1) as has
from pg_temp.pairs p;

select pg_temp.run(format('revoke all on all tables in schema %I from %I', schema, role))
from pg_temp.present where has <> tables and has <> '{}' group by schema, role;

select pg_temp.run(format('grant %s on all tables in schema %I to %I', lower(array_to_string(tables, ', ')), schema, role))
from pg_temp.present where has <> tables and tables <> '{}' group by schema, role, tables;

select pg_temp.run(format('alter default privileges for role %I in schema %I revoke all on tables from %I', owner, schema, role))
from pg_temp.later where has <> tables and has <> '{}';

select pg_temp.run(format('alter default privileges for role %I in schema %I grant %s on tables to %I',
                          owner, schema, lower(array_to_string(tables, ', ')), role))
from pg_temp.later where has <> tables and tables <> '{}';

select format('no longer needed: role %s, which aqua made; it was left alone', rolname)
from pg_roles r
where shobj_description(r.oid, 'pg_authid') like 'aqua: %' and rolname not in (select role from pg_temp.wanted);
\getenv look_only LOOK_ONLY
\if :{?look_only}
rollback;
\else
commit;
\endif
