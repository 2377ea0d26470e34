package aquastream.common;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Two lines in the log instead of a stack; the process then ends with 1 and its supervisor starts it again. */
class MissingReferenceAnalyzer extends AbstractFailureAnalyzer<SchemaGuard.MissingReference> {

    @Override
    protected FailureAnalysis analyze(Throwable root, SchemaGuard.MissingReference cause) {
        return new FailureAnalysis(
                "Schema \"" + cause.schema + "\" refers to " + cause.table + ", which does not exist.",
                "Start the service that owns " + cause.table + " first, and wait until it is healthy.",
                cause);
    }
}
