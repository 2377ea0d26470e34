package aquastream.gateway;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.http.HttpStatus;
import org.springframework.web.filter.OncePerRequestFilter;
import tools.jackson.databind.json.JsonMapper;

/** Counts in Redis, so that several gateways share one count. */
class RateLimit extends OncePerRequestFilter {

    private static final Logger log = LoggerFactory.getLogger(RateLimit.class);

    private final StringRedisTemplate redis;
    private final JsonMapper json;
    private final long limit;

    RateLimit(StringRedisTemplate redis, JsonMapper json, long limit) {
        this.redis = redis;
        this.json = json;
        this.limit = limit;
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        if (count(request.getRemoteAddr()) > limit) {
            Refusal.write(response, json, HttpStatus.TOO_MANY_REQUESTS, "more than " + limit + " requests in a minute");
            return;
        }
        chain.doFilter(request, response);
    }

    private long count(String client) {
        String key = "gateway:requests:" + client + ":" + System.currentTimeMillis() / 60_000;
        try {
            long count = redis.opsForValue().increment(key);
            if (count == 1) redis.expire(key, Duration.ofMinutes(2));
            return count;
        } catch (DataAccessException e) {
            // Readiness reports the lost Redis; refusing everyone here would only add to the damage.
            log.warn("requests are not counted: {}", e.getMessage());
            return 0;
        }
    }
}
