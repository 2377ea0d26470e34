package aquastream.common;

import java.net.URI;
import java.time.Duration;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Bean;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;

@AutoConfiguration
@ConditionalOnClass(S3Client.class)
@EnableConfigurationProperties(ObjectStoreAutoConfiguration.Settings.class)
class ObjectStoreAutoConfiguration {

    @ConfigurationProperties("object-store")
    record Settings(URI endpoint, String region, String accessKey, String secretKey, String bucket) {
        @Override // a record prints every component, and this one holds a secret
        public String toString() {
            return "bucket " + bucket + " at " + endpoint;
        }
    }

    @Bean
    S3Client s3Client(Settings settings) {
        return S3Client.builder()
                .endpointOverride(settings.endpoint())
                .region(Region.of(settings.region()))
                .forcePathStyle(true)
                .credentialsProvider(StaticCredentialsProvider.create(
                        AwsBasicCredentials.create(settings.accessKey(), settings.secretKey())))
                // The default CRC32 trailers are not understood by every S3-compatible server.
                .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
                // An upload is a stream that can be read once, and a probe should answer at once.
                .overrideConfiguration(o -> o.retryStrategy(AwsRetryStrategy.doNotRetry()))
                .httpClientBuilder(UrlConnectionHttpClient.builder()
                        .connectionTimeout(Duration.ofSeconds(2))
                        .socketTimeout(Duration.ofSeconds(30)))
                .build();
    }

    @Bean
    ObjectStore objectStore(S3Client s3, Settings settings) {
        return new ObjectStore(s3, settings.bucket());
    }

    /** The bean's name makes the component's: "s3". */
    @Bean
    HealthIndicator s3HealthIndicator(ObjectStore store, Settings settings) {
        return () -> {
            Health.Builder health = Health.up();
            try {
                store.requireBucket();
            } catch (RuntimeException e) {
                health = Health.down(e);
            }
            return health.withDetail("endpoint", settings.endpoint()).withDetail("bucket", settings.bucket()).build();
        };
    }
}
