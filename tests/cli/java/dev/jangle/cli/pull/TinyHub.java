package dev.jangle.cli.pull;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntUnaryOperator;

/**
 * A hub with one model on a port of this machine. Unlike a whole HTTP server it can break off in
 * the middle of an answer.
 */
final class TinyHub implements AutoCloseable {
  static final String COMMIT = "0123456789abcdef";
  static final String NAME = "hf:tiny/model";

  /**
   * A request as it came.
   *
   * @param range of the header, or "" without one
   * @param token of the header Authorization, or ""
   */
  record Request(String path, String range, String token) {}

  final List<Request> requests = new CopyOnWriteArrayList<>();
  private final Map<String, byte[]> files = new HashMap<>();
  private final ServerSocket socket;

  /** The status of every answer that would be 200. */
  volatile int status = 200;

  /** Whether it answers a Range with the rest alone. */
  volatile boolean ranges = true;

  /** Where an answer with the weights breaks off that begins at this byte; for so many answers. */
  volatile IntUnaryOperator breakOff = from -> from;

  final AtomicInteger cuts = new AtomicInteger();

  /** Whether it goes silent there, with the connection open, instead of breaking off. */
  volatile boolean silent;

  /** Whether it says nothing to so many requests of the weights. */
  final AtomicInteger unanswered = new AtomicInteger();

  /** Another hub that has the weights; null where this one sends them. */
  volatile String mirror;

  private final List<Socket> open = new CopyOnWriteArrayList<>();

  TinyHub(String config, byte[] weights, String sha256) throws IOException {
    socket = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
    byte[] small = config.getBytes(StandardCharsets.UTF_8);
    String listing =
        """
        {"sha": "%s", "cardData": {"license": "apache-2.0"}, "siblings": [
          {"rfilename": "config.json", "size": %d},
          {"rfilename": "tokenizer.json", "size": 2},
          {"rfilename": "README.md", "size": 5},
          {"rfilename": "model.safetensors", "size": %d, "lfs": {"size": %d, "sha256": "%s"}}]}
        """
            .formatted(COMMIT, small.length, weights.length, weights.length, sha256);
    files.put(
        "/api/models/tiny/model/revision/main?blobs=true",
        listing.getBytes(StandardCharsets.UTF_8));
    files.put("/tiny/model/resolve/" + COMMIT + "/config.json", small);
    files.put(
        "/tiny/model/resolve/" + COMMIT + "/tokenizer.json", "{}".getBytes(StandardCharsets.UTF_8));
    files.put("/tiny/model/resolve/" + COMMIT + "/model.safetensors", weights);
    Thread.ofVirtual().start(this::serve);
  }

  String address() {
    return "http://127.0.0.1:" + socket.getLocalPort();
  }

  /** Requests of the weights. */
  List<Request> downloads() {
    return requests.stream().filter(request -> request.path().endsWith("safetensors")).toList();
  }

  private void serve() {
    while (!socket.isClosed()) {
      try {
        Socket connection = socket.accept();
        open.add(connection);
        if (answer(connection)) {
          connection.close();
        }
      } catch (SocketException e) {
        // Closed, here or by the client: the loop's condition says which.
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Returns whether that is all. */
  private boolean answer(Socket connection) throws IOException {
    BufferedReader in =
        new BufferedReader(
            new InputStreamReader(connection.getInputStream(), StandardCharsets.US_ASCII));
    String line = in.readLine();
    if (line == null) {
      return true;
    }
    String target = line.split(" ", -1)[1];
    String path = target.replaceFirst("^http://[^/]*", ""); // whole where we are the proxy
    Map<String, String> headers = new HashMap<>();
    for (String header; (header = in.readLine()) != null && !header.isEmpty(); ) {
      String[] parts = header.split(": *", 2);
      headers.put(parts[0].toLowerCase(Locale.ROOT), parts[1]);
    }
    String range = headers.getOrDefault("range", "");
    requests.add(new Request(target, range, headers.getOrDefault("authorization", "")));
    boolean weights = path.endsWith("safetensors");
    if (weights && unanswered.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
      return false;
    }
    OutputStream out = connection.getOutputStream();
    byte[] content = files.get(path);
    int code = content == null ? 404 : status;
    if (code != 200) {
      write(
          out, "HTTP/1.1 %d No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".formatted(code));
      return true;
    }
    if (weights && mirror != null) {
      write(
          out,
          "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
              .formatted(mirror + path));
      return true;
    }
    int from = ranges && !range.isEmpty() ? Integer.parseInt(range.replaceAll("\\D", "")) : 0;
    write(
        out,
        from == 0
            ? "HTTP/1.1 200 OK\r\n"
            : "HTTP/1.1 206 Partial\r\nContent-Range: bytes %d-%d/%d\r\n"
                .formatted(from, content.length - 1, content.length));
    write(out, "Content-Length: %d\r\nConnection: close\r\n\r\n".formatted(content.length - from));
    int end = content.length;
    if (weights && cuts.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
      end = Math.min(end, breakOff.applyAsInt(from));
    }
    out.write(content, from, end - from);
    out.flush();
    return end == content.length || !silent;
  }

  private static void write(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.US_ASCII));
  }

  @Override
  public void close() throws IOException {
    for (Socket connection : open) {
      connection.close();
    }
    socket.close();
  }
}
