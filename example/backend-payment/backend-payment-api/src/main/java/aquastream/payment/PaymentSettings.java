package aquastream.payment;

import java.util.List;
import org.springframework.boot.context.properties.ConfigurationProperties;

@ConfigurationProperties
record PaymentSettings(Receipts receipt, List<Provider> providers) {

    record Receipts(boolean enabled, String companyInn, String ofdUrl) {}

    record Provider(String name, boolean enabled, String id, String secretKey) {

        Provider {
            // Found at the start, not by the first customer who pays.
            if (enabled && (id.isBlank() || secretKey.isBlank()))
                throw new IllegalArgumentException("payment provider " + name + " is enabled without its keys");
        }

        @Override // a record prints every component, and this one holds a secret
        public String toString() {
            return name;
        }
    }

    String provider() {
        return providers.stream().filter(Provider::enabled).map(Provider::name).findFirst().orElse("manual");
    }
}
