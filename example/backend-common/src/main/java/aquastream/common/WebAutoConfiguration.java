package aquastream.common;

import java.time.Clock;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import tools.jackson.databind.json.JsonMapper;

/** What every service has: problems as JSON, and tokens for those that are given the secret. */
@AutoConfiguration
@Import(Problems.class)
class WebAutoConfiguration {

    @Bean
    @ConditionalOnProperty("jwt.secret")
    Jwt jwt(@Value("${jwt.secret}") String secret, JsonMapper json) {
        return new Jwt(secret, json, Clock.systemUTC());
    }
}
