package aquastream.payment;

import aquastream.common.ObjectStore;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.Optional;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import tools.jackson.databind.json.JsonMapper;

/** One JSON object per payment, kept apart from the database. */
@Component
class Receipts {

    private final ObjectStore store;
    private final JsonMapper json;
    private final PaymentSettings.Receipts settings;

    Receipts(ObjectStore store, JsonMapper json, PaymentSettings settings) {
        this.store = store;
        this.json = json;
        this.settings = settings.receipt();
    }

    record Receipt(PaymentController.Payment payment, String currency, String companyInn, String ofdUrl) {}

    void write(PaymentController.Payment payment) {
        // The fiscal fields only where receipts go to the tax office as well.
        boolean fiscal = settings.enabled();
        Receipt receipt = new Receipt(payment, "RUB", fiscal ? settings.companyInn() : null, fiscal ? settings.ofdUrl() : null);
        byte[] body = json.writeValueAsBytes(receipt);
        store.put(key(payment.id()), MediaType.APPLICATION_JSON_VALUE, body.length, new ByteArrayInputStream(body));
    }

    Optional<InputStream> open(long paymentId) {
        return store.get(key(paymentId));
    }

    private static String key(long paymentId) {
        return "receipts/" + paymentId + ".json";
    }
}
