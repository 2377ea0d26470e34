package aquastream.user;

import aquastream.common.Check;
import aquastream.common.Jwt;
import aquastream.common.Problems;
import java.time.Duration;
import java.util.Map;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.http.HttpStatus;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import tools.jackson.databind.json.JsonMapper;

@RestController
@RequestMapping("/api/users")
class UserController {

    private static final Duration CACHED_FOR = Duration.ofMinutes(10);

    private final JdbcClient jdbc;
    private final StringRedisTemplate redis;
    private final JsonMapper json;
    private final Jwt jwt;

    UserController(JdbcClient jdbc, StringRedisTemplate redis, JsonMapper json, Jwt jwt) {
        this.jdbc = jdbc;
        this.redis = redis;
        this.json = json;
        this.jwt = jwt;
    }

    record NewUser(String email, String name) {}

    record User(long id, String email, String name) {}

    @PostMapping
    @ResponseStatus(HttpStatus.CREATED)
    User create(@RequestBody NewUser user) {
        String email = Check.text("email", user.email(), 254);
        if (!email.contains("@")) throw Problems.badRequest("email has no @");
        return jdbc.sql("insert into \"user\".users (email, name) values (?, ?) returning id, email, name")
                .params(email, Check.text("name", user.name(), 200))
                .query(User.class)
                .single();
    }

    @GetMapping("/{id}")
    User get(@PathVariable long id) {
        String key = "user:" + id;
        String cached = redis.opsForValue().get(key);
        if (cached != null) return json.readValue(cached, User.class);
        User user = find(id);
        redis.opsForValue().set(key, json.writeValueAsString(user), CACHED_FOR);
        return user;
    }

    /** An example has no passwords: whoever knows the id gets a token. */
    @PostMapping("/{id}/token")
    Map<String, String> token(@PathVariable long id) {
        return Map.of("token", jwt.sign(Long.toString(find(id).id())));
    }

    private User find(long id) {
        return jdbc.sql("select id, email, name from \"user\".users where id = ?")
                .param(id)
                .query(User.class)
                .optional()
                .orElseThrow(() -> Problems.notFound("user", id));
    }
}
