package aquastream.gateway;

import aquastream.common.Jwt;
import jakarta.servlet.Filter;
import java.util.List;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.web.cors.CorsConfiguration;
import org.springframework.web.cors.UrlBasedCorsConfigurationSource;
import org.springframework.web.filter.CorsFilter;
import tools.jackson.databind.json.JsonMapper;

/** In this order: a browser must be able to read a refusal, and a refused request costs no call to a service. */
@Configuration
class GatewayFilters {

    @Bean
    FilterRegistrationBean<Filter> cors(@Value("${gateway.cors-allowed-origins}") List<String> origins) {
        CorsConfiguration cors = new CorsConfiguration();
        cors.setAllowedOrigins(origins);
        cors.setAllowedMethods(List.of("GET", "POST", "PUT", "PATCH", "DELETE"));
        cors.setAllowedHeaders(List.of("*"));
        var source = new UrlBasedCorsConfigurationSource();
        source.registerCorsConfiguration("/api/**", cors);
        return api(new CorsFilter(source), 0);
    }

    @Bean
    FilterRegistrationBean<Filter> rateLimit(
            StringRedisTemplate redis, JsonMapper json, @Value("${gateway.requests-per-minute}") long limit) {
        return api(new RateLimit(redis, json, limit), 1);
    }

    @Bean
    FilterRegistrationBean<Filter> bearer(Jwt jwt, JsonMapper json) {
        return api(new BearerCheck(jwt, json), 2);
    }

    private static FilterRegistrationBean<Filter> api(Filter filter, int place) {
        var registration = new FilterRegistrationBean<>(filter);
        registration.addUrlPatterns("/api/*");
        registration.setOrder(Ordered.LOWEST_PRECEDENCE - 10 + place);
        return registration;
    }
}
