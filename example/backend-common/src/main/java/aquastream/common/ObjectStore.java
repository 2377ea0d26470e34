package aquastream.common;

import java.io.InputStream;
import java.util.Optional;
import java.util.function.Supplier;
import org.springframework.dao.DataAccessResourceFailureException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;

/** One bucket. It must exist: buckets belong to the infrastructure, and so does the right to make them. */
public class ObjectStore {

    private final S3Client s3;
    private final String bucket;

    ObjectStore(S3Client s3, String bucket) {
        this.s3 = s3;
        this.bucket = bucket;
    }

    /** Sends the stream as it is read. */
    public void put(String key, String contentType, long length, InputStream body) {
        RequestBody once = RequestBody.fromContentProvider(() -> body, length, contentType);
        call(() -> s3.putObject(r -> r.bucket(bucket).key(key).contentType(contentType), once));
    }

    /** The caller closes the stream. */
    public Optional<InputStream> get(String key) {
        return call(() -> {
            try {
                return Optional.of(s3.getObject(r -> r.bucket(bucket).key(key)));
            } catch (NoSuchKeyException e) {
                return Optional.empty();
            }
        });
    }

    public void delete(String key) {
        call(() -> s3.deleteObject(r -> r.bucket(bucket).key(key)));
    }

    void requireBucket() {
        call(() -> s3.headBucket(r -> r.bucket(bucket)));
    }

    private <T> T call(Supplier<T> request) {
        try {
            return request.get();
        } catch (SdkException e) {
            throw new DataAccessResourceFailureException("bucket " + bucket + ": " + e.getMessage(), e);
        }
    }
}
