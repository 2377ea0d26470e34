package aquastream.common;

/** Checks of request fields: each returns the value or answers 400 with the field's name. */
public final class Check {

    private Check() {}

    public static String text(String field, String value, int max) {
        if (value == null || value.isBlank()) throw Problems.badRequest(field + " is missing");
        if (value.length() > max) throw Problems.badRequest(field + " is longer than " + max + " characters");
        return value.strip();
    }

    public static <N extends Number> N positive(String field, N value) {
        if (value == null) throw Problems.badRequest(field + " is missing");
        if (value.doubleValue() <= 0) throw Problems.badRequest(field + " must be above zero");
        return value;
    }
}
