package aquastream.payment;

import aquastream.common.Check;
import aquastream.common.Problems;
import java.math.BigDecimal;
import java.time.Duration;
import org.springframework.core.io.InputStreamResource;
import org.springframework.data.redis.core.StringRedisTemplate;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.transaction.support.TransactionTemplate;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

@RestController
@RequestMapping("/api/payments")
class PaymentController {

    private static final Duration LOCKED_FOR = Duration.ofSeconds(30);

    private final JdbcClient jdbc;
    private final TransactionTemplate transaction;
    private final StringRedisTemplate redis;
    private final Receipts receipts;
    private final PaymentSettings settings;

    PaymentController(JdbcClient jdbc, TransactionTemplate transaction, StringRedisTemplate redis, Receipts receipts,
            PaymentSettings settings) {
        this.jdbc = jdbc;
        this.transaction = transaction;
        this.redis = redis;
        this.receipts = receipts;
        this.settings = settings;
    }

    record NewPayment(Long bookingId, BigDecimal amount) {}

    record Payment(long id, long bookingId, BigDecimal amount, String provider, String settles) {}

    /** The lock spares the provider a second charge while the first one runs; the unique booking_id decides for good. */
    @PostMapping
    @ResponseStatus(HttpStatus.CREATED)
    Payment pay(@RequestBody NewPayment payment) {
        long bookingId = Check.positive("bookingId", payment.bookingId());
        BigDecimal amount = Check.positive("amount", payment.amount());
        if (amount.stripTrailingZeros().scale() > 2) throw Problems.badRequest("amount has more than two decimals");
        String lock = "payment:booking:" + bookingId;
        if (!redis.opsForValue().setIfAbsent(lock, "1", LOCKED_FOR))
            throw Problems.conflict("booking " + bookingId + " is being paid");
        try {
            // No row without its receipt: a failed upload rolls the payment back.
            return transaction.execute(status -> {
                Payment paid = insert(bookingId, amount);
                receipts.write(paid);
                return paid;
            });
        } finally {
            redis.delete(lock);
        }
    }

    @GetMapping(value = "/{id}/receipt", produces = MediaType.APPLICATION_JSON_VALUE)
    InputStreamResource receipt(@PathVariable long id) {
        return new InputStreamResource(receipts.open(id).orElseThrow(() -> Problems.notFound("receipt of payment", id)));
    }

    private Payment insert(long bookingId, BigDecimal amount) {
        return jdbc.sql("""
                        insert into payment.payments (booking_id, amount, provider) values (?, ?, ?)
                        returning id, booking_id, amount, provider, settles""")
                .params(bookingId, amount, settings.provider())
                .query(Payment.class)
                .single();
    }
}
