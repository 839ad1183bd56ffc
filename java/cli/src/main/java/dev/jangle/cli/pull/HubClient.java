package dev.jangle.cli.pull;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * GET requests to the hub. Redirects are followed here and not by the HTTP client, for two reasons:
 * the token must not go to another host, and the first answer alone says the file's SHA-256.
 */
final class HubClient {
  private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
  private static final int MAX_REDIRECTS = 5;
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(30);
  private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(60);

  private final HttpClient client =
      HttpClient.newBuilder()
          .connectTimeout(CONNECT_TIMEOUT)
          .followRedirects(HttpClient.Redirect.NEVER)
          .build();
  private final URI endpoint;
  private final String token;

  /**
   * @param endpoint the hub's address
   * @param token of the user, or null
   */
  HubClient(URI endpoint, String token) {
    this.endpoint = endpoint;
    this.token = token;
  }

  /**
   * @param linkedEtag what the hub itself says the file's hash is, without quotes
   */
  record Answer(HttpResponse<InputStream> response, Optional<String> linkedEtag)
      implements AutoCloseable {
    int status() {
      return response.statusCode();
    }

    InputStream body() {
      return response.body();
    }

    @Override
    public void close() throws IOException {
      response.body().close();
    }
  }

  URI endpoint() {
    return endpoint;
  }

  boolean hasToken() {
    return token != null;
  }

  /** The rest of a resource from byte {@code from} on, if the server can do that. */
  Answer get(URI uri, long from) throws IOException, InterruptedException {
    Optional<String> linkedEtag = Optional.empty();
    URI at = uri;
    for (int redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      HttpResponse<InputStream> response =
          client.send(request(at, from), HttpResponse.BodyHandlers.ofInputStream());
      linkedEtag = linkedEtag.or(() -> etag(response, "x-linked-etag"));
      Optional<String> location = response.headers().firstValue("location");
      if (!REDIRECTS.contains(response.statusCode()) || location.isEmpty()) {
        return new Answer(response, linkedEtag.or(() -> etag(response, "etag")));
      }
      response.body().close();
      URI next = at.resolve(location.get());
      if (at.getScheme().equals("https") && !"https".equals(next.getScheme())) {
        throw new IOException("a redirect from https to " + next.getScheme() + " is refused");
      }
      at = next;
    }
    throw new IOException("more than " + MAX_REDIRECTS + " redirects");
  }

  private HttpRequest request(URI uri, long from) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri).timeout(ANSWER_TIMEOUT).header("User-Agent", "jangle");
    if (from > 0) {
      request.header("Range", "bytes=" + from + "-");
    }
    if (token != null && uri.getAuthority().equals(endpoint.getAuthority())) {
      request.header("Authorization", "Bearer " + token);
    }
    return request.build();
  }

  private static Optional<String> etag(HttpResponse<?> response, String header) {
    return response
        .headers()
        .firstValue(header)
        .map(value -> value.replaceFirst("^W/", "").replace("\"", ""));
  }
}
