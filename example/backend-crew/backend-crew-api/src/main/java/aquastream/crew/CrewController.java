package aquastream.crew;

import aquastream.common.Check;
import aquastream.common.Problems;
import java.util.List;
import org.springframework.http.HttpStatus;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

@RestController
@RequestMapping("/api/crews")
class CrewController {

    private final JdbcClient jdbc;

    CrewController(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    record NewCrew(String name) {}

    record NewMember(Long userId) {}

    record Crew(long id, String name, List<Long> members) {}

    @PostMapping
    @ResponseStatus(HttpStatus.CREATED)
    Crew create(@RequestBody NewCrew crew) {
        String name = Check.text("name", crew.name(), 200);
        long id = jdbc.sql("insert into crew.crews (name) values (?) returning id").param(name).query(Long.class).single();
        return new Crew(id, name, List.of());
    }

    @PostMapping("/{id}/members")
    @ResponseStatus(HttpStatus.CREATED)
    Crew join(@PathVariable long id, @RequestBody NewMember member) {
        get(id);
        jdbc.sql("insert into crew.members (crew_id, user_id) values (?, ?)")
                .params(id, Check.positive("userId", member.userId()))
                .update();
        return get(id);
    }

    @GetMapping("/{id}")
    Crew get(@PathVariable long id) {
        String name = jdbc.sql("select name from crew.crews where id = ?")
                .param(id)
                .query(String.class)
                .optional()
                .orElseThrow(() -> Problems.notFound("crew", id));
        List<Long> members = jdbc.sql("select user_id from crew.members where crew_id = ? order by joined_at, user_id")
                .param(id)
                .query(Long.class)
                .list();
        return new Crew(id, name, members);
    }
}
