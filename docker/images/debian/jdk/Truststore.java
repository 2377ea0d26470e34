import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;

/** Turns a PEM bundle into a PKCS#12 trust store: {@code Truststore BUNDLE.pem STORE.p12}. */
class Truststore {
  public static void main(String[] args) throws IOException, GeneralSecurityException {
    // A trust store holds no secret; the password only guards its integrity, and this is the JDK's own default.
    char[] password = "changeit".toCharArray();
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, password);
    try (var bundle = Files.newInputStream(Path.of(args[0]))) {
      int n = 0;
      for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(bundle)) {
        store.setCertificateEntry("ca-" + n++, certificate);
      }
    }
    try (var out = Files.newOutputStream(Path.of(args[1]))) {
      store.store(out, password);
    }
  }
}
