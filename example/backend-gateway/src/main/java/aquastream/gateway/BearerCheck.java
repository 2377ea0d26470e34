package aquastream.gateway;

import aquastream.common.Jwt;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.web.filter.OncePerRequestFilter;
import tools.jackson.databind.json.JsonMapper;

/** The example asks nobody to log in, but a token that is sent must be one that this backend signed. */
class BearerCheck extends OncePerRequestFilter {

    private static final String SCHEME = "Bearer ";

    private final Jwt jwt;
    private final JsonMapper json;

    BearerCheck(Jwt jwt, JsonMapper json) {
        this.jwt = jwt;
        this.json = json;
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        String header = request.getHeader(HttpHeaders.AUTHORIZATION);
        if (header != null && header.startsWith(SCHEME) && jwt.verify(header.substring(SCHEME.length())).isEmpty()) {
            Refusal.write(response, json, HttpStatus.UNAUTHORIZED, "the token is not valid here, or has expired");
            return;
        }
        chain.doFilter(request, response);
    }
}
