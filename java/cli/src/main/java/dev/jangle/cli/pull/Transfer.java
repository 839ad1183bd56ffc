package dev.jangle.cli.pull;

import dev.jangle.cli.term.Failure;
import dev.jangle.cli.term.Terminal;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * Downloads one file of a hub: to {@code NAME.part}, resumed where a connection was cut, checked,
 * then renamed.
 */
final class Transfer {
  private static final String DEFAULT_ENDPOINT = "https://huggingface.co";
  private static final int CHUNK = 1 << 18;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Attempts in a row that bring nothing. */
  private static final int ATTEMPTS = 4;

  private final HubClient client;
  private final DiskWriter disk;
  private final Duration firstPause;

  /** The hub that the user's environment names, else Hugging Face's. */
  Transfer(Terminal terminal) {
    this(terminal, new DiskWriter(), Duration.ofSeconds(1), PATIENCE);
  }

  /**
   * @param patience how long a server may send nothing
   */
  Transfer(Terminal terminal, DiskWriter disk, Duration firstPause, Duration patience) {
    String named = terminal.variable("HF_ENDPOINT");
    String address = (named == null ? DEFAULT_ENDPOINT : named).replaceFirst("/+$", "");
    if (!address.matches("https?://[^/?#\\s]+(/[^?#\\s]*)?")) {
      throw new Failure("HF_ENDPOINT is " + address + "; expected an http or https address");
    }
    this.client =
        new HubClient(
            URI.create(address),
            terminal.variable("HF_TOKEN"),
            new EnvironmentProxies(terminal),
            patience);
    this.disk = disk;
    this.firstPause = firstPause;
  }

  HubClient client() {
    return client;
  }

  DiskWriter disk() {
    return disk;
  }

  /** The connection ended, or the server asked to come again. */
  private static final class Interruption extends Exception {
    private static final long serialVersionUID = 1L;

    Interruption(String message) {
      super(message);
    }
  }

  /**
   * Downloads a file, or what is missing of it.
   *
   * @param progress told the bytes that are there
   */
  void download(URI uri, HubFile expected, Path file, LongConsumer progress)
      throws IOException, InterruptedException {
    Path part = file.resolveSibling(file.getFileName() + ".part");
    Optional<String> linkedEtag = Optional.empty();
    int attempts = 0;
    while (length(part) != expected.bytes() || !Files.exists(part)) {
      long before = length(part);
      try {
        linkedEtag = attempt(uri, expected, part, progress);
      } catch (Interruption e) {
        attempts = length(part) > before ? 1 : attempts + 1;
        if (attempts == ATTEMPTS) {
          throw new Failure(
              "%s: %s after %,d of %,d bytes; run the same command again, it goes on from there"
                  .formatted(uri, e.getMessage(), length(part), expected.bytes()));
        }
        Thread.sleep(firstPause.multipliedBy(1L << (attempts - 1)));
      }
    }
    String problem = expected.problem(part, linkedEtag);
    if (problem != null) {
      Files.delete(part);
      throw new Failure(uri + ": " + problem + "; it was removed: run the same command again");
    }
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private Optional<String> attempt(URI uri, HubFile expected, Path part, LongConsumer progress)
      throws InterruptedException, Interruption {
    long from = length(part);
    HubClient.Answer answer;
    try {
      answer = client.get(uri, from);
    } catch (IOException e) {
      throw new Interruption("no connection (" + reason(e) + ")");
    }
    try (answer) {
      int status = answer.status();
      if (status == 416) {
        disk.truncate(part);
        throw new Interruption("the server does not have the rest (416)");
      }
      if (status == 429 || status >= 500) {
        throw new Interruption("the server answered " + status);
      }
      if (status != 200 && status != 206) {
        throw HubErrors.refused(client, uri, status);
      }
      boolean resumed = status == 206 && startsAt(answer, from);
      if (status == 206 && !resumed) {
        disk.truncate(part);
        throw new Interruption("the server sent another part than asked for");
      }
      copy(answer.body(), part, resumed ? from : 0, expected.bytes(), progress);
      return answer.linkedEtag();
    } catch (IOException e) {
      throw new Interruption("the connection was cut (" + reason(e) + ")");
    }
  }

  private static boolean startsAt(HubClient.Answer answer, long from) {
    String range = answer.headers().firstValue("content-range").orElse("");
    return range.startsWith("bytes " + from + "-");
  }

  private void copy(InputStream in, Path part, long from, long bytes, LongConsumer progress)
      throws IOException, Interruption {
    OutputStream out;
    try {
      out = disk.open(part, from > 0);
    } catch (IOException e) {
      throw DiskWriter.failure(part, e);
    }
    long there = from;
    byte[] chunk = new byte[CHUNK];
    try (out) {
      for (int read; (read = in.read(chunk)) >= 0; ) {
        there += read;
        if (there > bytes) {
          break;
        }
        try {
          out.write(chunk, 0, read);
        } catch (IOException e) {
          throw DiskWriter.failure(part, e);
        }
        progress.accept(there);
      }
    }
    if (there > bytes) {
      disk.truncate(part);
      throw new Interruption("the server sent more bytes than the file has");
    }
    if (there < bytes) {
      throw new Interruption("the connection was cut");
    }
  }

  private static String reason(IOException e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  private static long length(Path file) {
    return file.toFile().length(); // 0 where there is none
  }
}
