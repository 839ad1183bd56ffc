package dev.jangle;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** SmolLM2-135M-Instruct as a GGUF file, for tests that need the real model. */
public final class SmolLm2 {
  private SmolLm2() {}

  /**
   * The file of system property {@code jangle.test.smollm2}, else what {@code jangle pull smollm2}
   * left in its folder. Without one the test is skipped.
   */
  public static Path fileOrSkip() throws IOException {
    String given = System.getProperty("jangle.test.smollm2");
    if (given != null) {
      return Path.of(given);
    }
    Path folder = home().resolve("models/smollm2");
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.list(folder)) {
        Optional<Path> found = files.filter(file -> file.toString().endsWith(".gguf")).findAny();
        if (found.isPresent()) {
          return found.get();
        }
      }
    }
    String missing =
        "SmolLM2 is not in %s: run 'jangle pull smollm2', or set -Djangle.test.smollm2=FILE"
            .formatted(folder);
    return Assumptions.abort(missing);
  }

  /** Jangle's folder, as the command line finds it. */
  private static Path home() {
    String home = System.getenv("JANGLE_HOME");
    if (home != null) {
      return Path.of(home);
    }
    String cache = System.getenv("XDG_CACHE_HOME");
    return (cache == null ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(cache))
        .resolve("jangle");
  }
}
