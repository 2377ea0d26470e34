package aquastream.common;

import java.util.List;
import javax.sql.DataSource;
import liquibase.integration.spring.SpringLiquibase;
import org.springframework.boot.autoconfigure.AbstractDependsOnBeanFactoryPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.context.annotation.Bean;
import org.springframework.core.env.Environment;

/** Liquibase makes its own tables before it runs a change set, so the schema has to be there first. */
@AutoConfiguration
@ConditionalOnClass(SpringLiquibase.class)
class SchemaAutoConfiguration {

    @Bean
    SchemaGuard schemaGuard(DataSource dataSource, Environment environment) {
        return new SchemaGuard(
                dataSource,
                environment.getRequiredProperty("spring.liquibase.default-schema"),
                Binder.get(environment).bind("schema.references", Bindable.listOf(String.class)).orElse(List.of()));
    }

    @Bean
    static LiquibaseAfterSchema liquibaseAfterSchema() {
        return new LiquibaseAfterSchema();
    }

    static class LiquibaseAfterSchema extends AbstractDependsOnBeanFactoryPostProcessor {
        LiquibaseAfterSchema() {
            super(SpringLiquibase.class, SchemaGuard.class);
        }
    }
}
