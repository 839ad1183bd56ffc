package dev.jangle.cli.pull;

import java.io.IOException;
import java.io.InputStream;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * GET requests to the hub. Redirects are followed here and not by the HTTP client, for two reasons:
 * the token must not go to another host, and the first answer alone says the file's SHA-256.
 */
final class HubClient {
  private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
  private static final int MAX_REDIRECTS = 5;
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(30);

  private final HttpClient client;
  private final URI endpoint;
  private final String token;
  private final Duration patience;

  /**
   * @param endpoint the hub's address
   * @param token of the user, or null
   * @param patience how long a server may send nothing
   */
  HubClient(URI endpoint, String token, ProxySelector proxies, Duration patience) {
    this.client =
        HttpClient.newBuilder()
            .connectTimeout(CONNECT_TIMEOUT)
            .followRedirects(HttpClient.Redirect.NEVER)
            .proxy(proxies)
            .build();
    this.endpoint = endpoint;
    this.token = token;
    this.patience = patience;
  }

  /**
   * @param linkedEtag what the hub itself says the file's hash is, without quotes
   */
  record Answer(int status, HttpHeaders headers, InputStream body, Optional<String> linkedEtag)
      implements AutoCloseable {
    @Override
    public void close() throws IOException {
      body.close();
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
      HttpResponse<InputStream> response = send(request(at, from));
      linkedEtag = linkedEtag.or(() -> etag(response, "x-linked-etag"));
      Optional<String> location = response.headers().firstValue("location");
      if (!REDIRECTS.contains(response.statusCode()) || location.isEmpty()) {
        return new Answer(
            response.statusCode(),
            response.headers(),
            new WatchedBody(response.body(), patience),
            linkedEtag.or(() -> etag(response, "etag")));
      }
      response.body().close();
      at = next(at, location.get());
    }
    throw new IOException("more than " + MAX_REDIRECTS + " redirects");
  }

  /** Where a redirect leads to. */
  static URI next(URI at, String location) throws IOException {
    URI next = at.resolve(location);
    if (at.getScheme().equals("https") && !"https".equals(next.getScheme())) {
      throw new IOException("a redirect from https to " + next.getScheme() + " is refused");
    }
    return next;
  }

  /**
   * The headers, within our patience: the timeout of a request covers the body too, from JDK 26.
   */
  private HttpResponse<InputStream> send(HttpRequest request)
      throws IOException, InterruptedException {
    CompletableFuture<HttpResponse<InputStream>> response =
        client.sendAsync(request, HttpResponse.BodyHandlers.ofInputStream());
    try {
      return response.get(patience.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      response.cancel(true);
      throw new HttpTimeoutException("no answer for " + patience.toSeconds() + " s");
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    } catch (InterruptedException e) {
      response.cancel(true);
      throw e;
    }
  }

  private HttpRequest request(URI uri, long from) {
    HttpRequest.Builder request = HttpRequest.newBuilder(uri).header("User-Agent", "jangle");
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
