package aquastream.gateway;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.client.ResourceAccessException;

/** A service that does not answer is its fault, not the gateway's. Asked before the common advice, which takes all. */
@RestControllerAdvice
@Order(Ordered.HIGHEST_PRECEDENCE)
class PeerProblems {

    private static final Logger log = LoggerFactory.getLogger(PeerProblems.class);

    @ExceptionHandler
    ProblemDetail unreachable(ResourceAccessException e) {
        log.warn("{}", e.getMessage());
        return ProblemDetail.forStatusAndDetail(HttpStatus.BAD_GATEWAY, "the service behind this path does not answer");
    }
}
