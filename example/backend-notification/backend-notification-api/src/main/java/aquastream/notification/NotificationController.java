package aquastream.notification;

import aquastream.common.Check;
import aquastream.common.Problems;
import java.time.OffsetDateTime;
import java.util.List;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.http.HttpStatus;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

@RestController
@RequestMapping("/api/notifications")
class NotificationController {

    private static final String OUTBOX = "notification:outbox";
    /** Nothing in the example reads the outbox, so it must not grow for ever. */
    private static final int OUTBOX_LENGTH = 1000;

    private final JdbcClient jdbc;
    private final StringRedisTemplate redis;
    private final String channel;

    NotificationController(JdbcClient jdbc, StringRedisTemplate redis, @Value("${telegram.bot-token}") String botToken) {
        this.jdbc = jdbc;
        this.redis = redis;
        this.channel = botToken.isBlank() ? "email" : "telegram";
    }

    record NewNotification(Long userId, String text) {}

    record Notification(long id, long userId, String recipient, String text, String channel, OffsetDateTime createdAt) {}

    record Booking(long bookingId, String name, String email, String title, String status) {}

    @PostMapping
    @ResponseStatus(HttpStatus.CREATED)
    Notification create(@RequestBody NewNotification notification) {
        long userId = Check.positive("userId", notification.userId());
        String text = Check.text("text", notification.text(), 4000);
        Notification stored = jdbc.sql("""
                        insert into notification.notifications (user_id, recipient, text, channel)
                        select id, email, ?, ? from "user".users where id = ?
                        returning id, user_id, recipient, text, channel, created_at""")
                .params(text, channel, userId)
                .query(Notification.class)
                .optional()
                .orElseThrow(() -> Problems.notFound("user", userId));
        redis.opsForList().leftPush(OUTBOX, Long.toString(stored.id()));
        redis.opsForList().trim(OUTBOX, 0, OUTBOX_LENGTH - 1);
        return stored;
    }

    @GetMapping
    List<Notification> list(@RequestParam long userId) {
        return jdbc.sql("""
                        select id, user_id, recipient, text, channel, created_at
                        from notification.notifications where user_id = ? order by id desc limit 100""")
                .param(userId)
                .query(Notification.class)
                .list();
    }

    /** A user's bookings, from the view over two other schemas. */
    @GetMapping("/digest")
    List<Booking> digest(@RequestParam long userId) {
        return jdbc.sql("select * from notification.booking_digest where user_id = ? order by booking_id limit 100")
                .param(userId)
                .query(Booking.class)
                .list();
    }
}
