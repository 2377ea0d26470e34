package aquastream.event;

import aquastream.common.Check;
import aquastream.common.Problems;
import java.time.Duration;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.http.HttpStatus;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

@RestController
@RequestMapping("/api/events")
class EventController {

    /** Short, so that a database restored to an earlier state is believed again soon. */
    private static final Duration FULL_FOR = Duration.ofSeconds(30);

    private final JdbcClient jdbc;
    private final StringRedisTemplate redis;

    EventController(JdbcClient jdbc, StringRedisTemplate redis) {
        this.jdbc = jdbc;
        this.redis = redis;
    }

    record NewEvent(String title, Integer seats) {}

    record Event(long id, String title, int seats, int taken) {}

    record NewBooking(Long userId) {}

    record Booking(long id, long eventId, long userId, String status) {}

    @PostMapping
    @ResponseStatus(HttpStatus.CREATED)
    Event create(@RequestBody NewEvent event) {
        return jdbc.sql("insert into event.events (title, seats) values (?, ?) returning id, title, seats, taken")
                .params(Check.text("title", event.title(), 200), Check.positive("seats", event.seats()))
                .query(Event.class)
                .single();
    }

    @GetMapping("/{id}")
    Event get(@PathVariable long id) {
        return jdbc.sql("select id, title, seats, taken from event.events where id = ?")
                .param(id)
                .query(Event.class)
                .optional()
                .orElseThrow(() -> Problems.notFound("event", id));
    }

    /** The row's own counter decides, in one statement; Redis turns away the rush once an event is full. */
    @PostMapping("/{id}/bookings")
    @ResponseStatus(HttpStatus.CREATED)
    @Transactional
    public Booking book(@PathVariable long id, @RequestBody NewBooking booking) {
        long userId = Check.positive("userId", booking.userId());
        String full = "event:" + id + ":full";
        if (redis.hasKey(full)) throw Problems.conflict("event " + id + " is full");
        int seated = jdbc.sql("update event.events set taken = taken + 1 where id = ? and taken < seats")
                .param(id)
                .update();
        if (seated == 0) {
            get(id);
            redis.opsForValue().set(full, "1", FULL_FOR);
            throw Problems.conflict("event " + id + " is full");
        }
        return jdbc.sql("insert into event.bookings (event_id, user_id) values (?, ?) returning id, event_id, user_id, status")
                .params(id, userId)
                .query(Booking.class)
                .single();
    }
}
