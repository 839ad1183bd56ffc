package dev.jangle.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code jangle demo} with a tiny random model where the pulled one would be. */
class DemoTest {
  @Test
  void bothWaysAreShownAndAreIdentical(@TempDir Path home) throws IOException {
    Path model = home.resolve("models/smollm2/model.gguf");
    Files.createDirectories(model.getParent());
    Files.copy(
        Path.of(
            System.getProperty("jangle.root"), "tests/core/resources/models/gguf_q8_0/model.gguf"),
        model);
    Run run =
        Run.of(
            Map.of("JANGLE_HOME", home.toString()),
            "",
            "demo",
            "--max-tokens",
            "6",
            "--threads",
            "1");
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("identical: yes"), run.out());
    for (String task : new String[] {"chat", "translation", "summarization"}) {
      assertTrue(run.out().lines().anyMatch(line -> line.startsWith(task)), run.out());
    }
    assertEquals(3, run.out().split("TR-Jacobi:\n", -1).length - 1, run.out());
  }
}
