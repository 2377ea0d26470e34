package aquastream.media;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.springframework.http.HttpHeaders.CONTENT_DISPOSITION;
import static org.springframework.http.HttpHeaders.CONTENT_TYPE;
import static org.springframework.http.MediaType.APPLICATION_FORM_URLENCODED_VALUE;
import static org.springframework.http.MediaType.APPLICATION_OCTET_STREAM_VALUE;

import aquastream.common.Check;
import aquastream.common.ObjectStore;
import aquastream.common.Problems;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Objects;
import java.util.UUID;
import org.springframework.http.ContentDisposition;
import org.springframework.http.HttpStatus;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/** Files pass through as streams: neither way is one held in memory. */
@RestController
@RequestMapping("/api/media/files")
class MediaController {

    private static final long MAX_BYTES = 64L << 20;

    private final JdbcClient jdbc;
    private final ObjectStore store;

    MediaController(JdbcClient jdbc, ObjectStore store) {
        this.jdbc = jdbc;
        this.store = store;
    }

    record Stored(UUID id, long size, String sha256) {}

    record Row(String name, String contentType, long size) {}

    @PostMapping
    @ResponseStatus(HttpStatus.CREATED)
    Stored upload(@RequestParam String name, @RequestParam long userId, HttpServletRequest request)
            throws IOException, NoSuchAlgorithmException {
        Check.text("name", name, 200);
        long size = request.getContentLengthLong();
        if (size < 0) throw new ResponseStatusException(HttpStatus.LENGTH_REQUIRED, "Content-Length is missing");
        if (size > MAX_BYTES)
            throw new ResponseStatusException(HttpStatus.CONTENT_TOO_LARGE, "a file has at most " + MAX_BYTES + " bytes");
        // The header itself: getContentType() adds a charset that the client never sent.
        String type = Objects.requireNonNullElse(request.getHeader(CONTENT_TYPE), APPLICATION_OCTET_STREAM_VALUE);
        // A form's body is gone once its parameters have been read, so a form cannot be a file.
        if (type.startsWith(APPLICATION_FORM_URLENCODED_VALUE))
            throw new ResponseStatusException(HttpStatus.UNSUPPORTED_MEDIA_TYPE, "send the file with its own Content-Type");

        UUID id = UUID.randomUUID();
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        store.put(key(id), type, size, new DigestInputStream(request.getInputStream(), digest));
        Stored stored = new Stored(id, size, HexFormat.of().formatHex(digest.digest()));
        try {
            insert(stored, userId, name, type);
        } catch (RuntimeException e) {
            store.delete(key(id)); // a file without a row could never be found again
            throw e;
        }
        return stored;
    }

    @GetMapping("/{id}")
    void download(@PathVariable UUID id, HttpServletResponse response) throws IOException {
        Row row = jdbc.sql("select name, content_type, size from media.files where id = ?")
                .param(id)
                .query(Row.class)
                .optional()
                .orElseThrow(() -> Problems.notFound("file", id));
        try (InputStream body = store.get(key(id)).orElseThrow(() -> Problems.notFound("content of file", id))) {
            response.setContentType(row.contentType());
            response.setContentLengthLong(row.size());
            // What a stranger uploaded must not run as a page of ours.
            response.setHeader("X-Content-Type-Options", "nosniff");
            response.setHeader(CONTENT_DISPOSITION, ContentDisposition.attachment().filename(row.name(), UTF_8).build().toString());
            body.transferTo(response.getOutputStream());
        }
    }

    private void insert(Stored file, long userId, String name, String type) {
        jdbc.sql("insert into media.files (id, user_id, name, content_type, size, sha256) values (?, ?, ?, ?, ?, ?)")
                .params(file.id(), userId, name, type, file.size(), file.sha256())
                .update();
    }

    private static String key(UUID id) {
        return "files/" + id;
    }
}
