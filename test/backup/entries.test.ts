import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readScript, rolesOf, schemasOf } from '../../backup/restore/entries.ts'

const text = `--
-- PostgreSQL database dump
--

\\restrict abc

-- Dumped from database version 16.4 (Debian 16.4-1)
-- Dumped by pg_dump version 17.12

SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);

--
-- Name: user; Type: SCHEMA; Schema: -; Owner: backend_user
--

CREATE SCHEMA "user";


ALTER SCHEMA "user" OWNER TO "odd ""name";

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: fine(); Type: FUNCTION; Schema: user; Owner: b
--

CREATE FUNCTION "user".fine() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
GRANT SELECT ON t TO nobody;
END $$;


ALTER FUNCTION "user".fine() OWNER TO b;

--
-- Name: t; Type: TABLE; Schema: user; Owner: b; Tablespace: fast
--

CREATE TABLE "user".t (
    i integer
);

--
-- Name: TABLE t; Type: ACL; Schema: user; Owner: b
--

GRANT SELECT,INSERT ON TABLE "user".t TO c WITH GRANT OPTION;
GRANT SELECT ON TABLE "user".t TO PUBLIC;


--
-- Name: t own; Type: POLICY; Schema: user; Owner: b
--

CREATE POLICY own ON "user".t FOR SELECT TO d, "E" USING (true);


--
-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: user; Owner: f
--

ALTER DEFAULT PRIVILEGES FOR ROLE f IN SCHEMA "user" GRANT SELECT ON TABLES TO g;


--
-- PostgreSQL database dump complete
--

\\unrestrict abc
`

test('a script in entries: settings of their own, no limit on locks from the archive, nothing for psql itself', () => {
  const { header, entries, server, client } = readScript(text)
  assert.equal([server, client], ['16.4', '17.12'])
  assert.is(header, "SET client_encoding = 'UTF8';\nSELECT pg_catalog.set_config('search_path', '', false);")
  assert.equal(
    entries.map(({ type, name, schema }) => `${type} ${schema} ${name}`),
    [
      'SCHEMA - user',
      'SET - ',
      'FUNCTION user fine()',
      'TABLE user t',
      'ACL user TABLE t',
      'POLICY user t own',
      'DEFAULT ACL user DEFAULT PRIVILEGES FOR TABLES',
    ],
  )
  assert.is(entries[0]?.sql, 'CREATE SCHEMA "user";\n\n\nALTER SCHEMA "user" OWNER TO "odd ""name";')
  assert.is(entries[1]?.sql, "SET default_tablespace = '';\n\nSET default_table_access_method = heap;")
  assert.not.match(entries.map(({ sql }) => sql).join('\n'), /restrict|dump complete/)
})

test('schemas that a script makes or fills', () => {
  assert.equal(schemasOf(readScript(text).entries), ['user'])
  const other = text.replace('Name: t; Type: TABLE; Schema: user', 'Name: t; Type: TABLE; Schema: other')
  assert.equal(schemasOf(readScript(other).entries), ['user', 'other'])
})

test('roles: owners, grantees, policies, default privileges; not what a function says', () => {
  assert.equal(rolesOf(readScript(text).entries), ['E', 'b', 'c', 'd', 'f', 'g', 'odd "name'])
})

test.run()
