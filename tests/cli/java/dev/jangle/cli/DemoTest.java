package dev.jangle.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code jangle demo} with a tiny random model where the pulled one would be. */
class DemoTest {
  private static final Path RESOURCES =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources");

  private static Run demo(Path home, String model, String adapter) throws IOException {
    Path file = home.resolve("models/smollm2/model.gguf");
    Files.createDirectories(file.getParent());
    Files.copy(RESOURCES.resolve("models").resolve(model).resolve("model.gguf"), file);
    Run run =
        Run.of(
            Map.of("JANGLE_HOME", home.toString()),
            "",
            "demo",
            "--max-tokens",
            "6",
            "--threads",
            "1",
            "--adapter",
            adapter);
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("identical: yes"), run.out());
    for (String task : new String[] {"chat", "translation", "summarization"}) {
      assertTrue(run.out().lines().anyMatch(line -> line.startsWith(task)), run.out());
    }
    assertEquals(3, run.out().split("TR-Jacobi:\n", -1).length - 1, run.out());
    return run;
  }

  @Test
  void bothWaysAreShownAndAreIdentical(@TempDir Path home) throws IOException {
    Run run = demo(home, "gguf_q8_0", "none");
    assertFalse(run.out().contains("without adapter"), run.out());
  }

  @Test
  void theBaseModelStandsBesideOneWithAnAdapter(@TempDir Path home) throws IOException {
    Run run = demo(home, "gguf_q4_0", RESOURCES.resolve("adapters/llama3_f32").toString());
    assertTrue(run.out().contains("without adapter"), run.out());
  }

  /** The one that comes with Jangle is not for this model, so it was found. */
  @Test
  void theAdapterThatComesWithJangleHasAName(@TempDir Path home) {
    Run run =
        Run.of(
            Map.of("JANGLE_HOME", home.toString()),
            "",
            "info",
            "-m",
            RESOURCES.resolve("models/gguf_q8_0/model.gguf").toString(),
            "--adapter",
            "smollm2-msn");
    assertEquals(1, run.code(), run.err());
    assertTrue(run.err().contains("belongs to another model"), run.err());
    assertTrue(Files.isDirectory(home.resolve("adapters")));
  }
}
