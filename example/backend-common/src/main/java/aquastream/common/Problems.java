package aquastream.common;

import java.sql.SQLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.dao.DataIntegrityViolationException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.dao.QueryTimeoutException;
import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.servlet.mvc.method.annotation.ResponseEntityExceptionHandler;

/** Turns what goes wrong into one line of JSON: the client learns what to change, the log keeps the cause. */
@RestControllerAdvice
public class Problems extends ResponseEntityExceptionHandler {

    private static final Logger log = LoggerFactory.getLogger(Problems.class);
    private static final String FOREIGN_KEY_VIOLATION = "23503";

    public static ResponseStatusException badRequest(String detail) {
        return new ResponseStatusException(HttpStatus.BAD_REQUEST, detail);
    }

    public static ResponseStatusException notFound(String what, Object id) {
        return new ResponseStatusException(HttpStatus.NOT_FOUND, what + " " + id + " does not exist");
    }

    public static ResponseStatusException conflict(String detail) {
        return new ResponseStatusException(HttpStatus.CONFLICT, detail);
    }

    @ExceptionHandler
    ProblemDetail duplicate(DuplicateKeyException e) {
        return problem(HttpStatus.CONFLICT, "it exists already");
    }

    @ExceptionHandler
    ProblemDetail violation(DataIntegrityViolationException e) {
        boolean dangling = e.getMostSpecificCause() instanceof SQLException sql
                && FOREIGN_KEY_VIOLATION.equals(sql.getSQLState());
        return dangling
                ? problem(HttpStatus.CONFLICT, "it refers to something that does not exist")
                : problem(HttpStatus.BAD_REQUEST, "the schema does not allow this value");
    }

    @ExceptionHandler({DataAccessResourceFailureException.class, QueryTimeoutException.class})
    ProblemDetail unavailable(Exception e) {
        log.error("a backing service does not answer", e);
        return problem(HttpStatus.SERVICE_UNAVAILABLE, "a backing service does not answer, try again");
    }

    @ExceptionHandler
    ProblemDetail bug(Exception e) {
        log.error("unexpected", e);
        return problem(HttpStatus.INTERNAL_SERVER_ERROR, "this is a fault of the server");
    }

    private static ProblemDetail problem(HttpStatus status, String detail) {
        return ProblemDetail.forStatusAndDetail(status, detail);
    }
}
