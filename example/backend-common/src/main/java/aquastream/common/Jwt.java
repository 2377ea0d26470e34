package aquastream.common;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** HS256 tokens. Only this algorithm is accepted, so the header of a token is compared, never obeyed. */
public class Jwt {

    private static final Duration LIFETIME = Duration.ofHours(1);
    private static final int MIN_SECRET_BYTES = 32; // RFC 7518, 3.2: no shorter than the hash
    private static final String HEADER = encode("{\"alg\":\"HS256\",\"typ\":\"JWT\"}".getBytes(UTF_8));

    private final SecretKeySpec key;
    private final JsonMapper json;
    private final Clock clock;

    Jwt(String secret, JsonMapper json, Clock clock) {
        if (secret.getBytes(UTF_8).length < MIN_SECRET_BYTES)
            throw new IllegalArgumentException("JWT_SECRET must have at least " + MIN_SECRET_BYTES + " bytes");
        this.key = new SecretKeySpec(secret.getBytes(UTF_8), "HmacSHA256");
        this.json = json;
        this.clock = clock;
    }

    public String sign(String subject) {
        long expires = clock.instant().plus(LIFETIME).getEpochSecond();
        String content = HEADER + "." + encode(json.writeValueAsBytes(Map.of("sub", subject, "exp", expires)));
        return content + "." + encode(mac(content));
    }

    /** The subject of a token that this secret signed and that has not expired. */
    public Optional<String> verify(String token) {
        String[] part = token.split("\\.", -1);
        if (part.length != 3 || !part[0].equals(HEADER)) return Optional.empty();
        byte[] expected = encode(mac(part[0] + "." + part[1])).getBytes(UTF_8);
        if (!MessageDigest.isEqual(expected, part[2].getBytes(UTF_8))) return Optional.empty();
        JsonNode claims = json.readTree(Base64.getUrlDecoder().decode(part[1]));
        return claims.path("exp").asLong() > clock.instant().getEpochSecond()
                ? Optional.of(claims.path("sub").asString())
                : Optional.empty();
    }

    private byte[] mac(String content) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(key);
            return mac.doFinal(content.getBytes(UTF_8));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String encode(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }
}
