package aquastream.common;

import java.util.List;
import javax.sql.DataSource;
import org.springframework.beans.factory.InitializingBean;
import org.springframework.jdbc.core.simple.JdbcClient;

/** Creates the service's schema, and refuses to start before the tables it refers to exist. */
class SchemaGuard implements InitializingBean {

    private final JdbcClient jdbc;
    private final String schema;
    private final List<String> references;

    SchemaGuard(DataSource dataSource, String schema, List<String> references) {
        this.jdbc = JdbcClient.create(dataSource);
        this.schema = schema;
        this.references = references;
    }

    @Override
    public void afterPropertiesSet() {
        for (String table : references) {
            if (!isTrue("select to_regclass(?) is not null", table)) throw new MissingReference(schema, table);
        }
        // Not only "if not exists": PostgreSQL asks for CREATE on the database even when there is nothing to create,
        // and a service's own role should not need that right.
        if (!isTrue("select exists (select from pg_namespace where nspname = ?)", schema)) {
            jdbc.sql("create schema if not exists \"" + schema.replace("\"", "\"\"") + "\"").update();
        }
    }

    private boolean isTrue(String sql, String parameter) {
        return jdbc.sql(sql).param(parameter).query(Boolean.class).single();
    }

    static class MissingReference extends RuntimeException {
        final String schema;
        final String table;

        MissingReference(String schema, String table) {
            super("schema " + schema + " refers to " + table + ", which does not exist");
            this.schema = schema;
            this.table = table;
        }
    }
}
