package dev.jangle.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code jangle export}, and {@code --adapter} of the commands that run a model. */
class ExportTest {
  private static final Path RESOURCES =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources");
  private static final String TINY = RESOURCES.resolve("models/gguf_q4_0/model.gguf").toString();
  private static final String OTHER =
      RESOURCES.resolve("models/gguf_qwen3_f16/model.gguf").toString();

  /** Of a model of the first one's shape. */
  private static final String ADAPTER = RESOURCES.resolve("adapters/llama3_f32").toString();

  @TempDir private Path home;

  private Run run(String... arguments) {
    return Run.of(Map.of("JANGLE_HOME", home.toString()), "", arguments);
  }

  private Run done(String... arguments) {
    Run run = run(arguments);
    assertEquals(0, run.code(), run.err());
    return run;
  }

  private String tokens(String... more) throws IOException {
    List<String> line =
        new ArrayList<>(
            List.of("generate", "--threads", "2", "--json", "--max-tokens", "24", "in the"));
    line.addAll(List.of(more));
    return new ObjectMapper()
        .readTree(done(line.toArray(String[]::new)).out())
        .get("text")
        .asText();
  }

  @Test
  void writesBothAndSaysWhere() throws IOException {
    String hf = home.resolve("hf").toString();
    String gguf = home.resolve("back.gguf").toString();
    assertEquals(hf + "\n", done("export", "-m", TINY, "--to", "hf", "--format", "f32", hf).out());
    assertEquals(
        gguf + "\n", done("export", "-m", hf, "--to", "gguf", "--format", "Q8_0", gguf).out());
    try (Checkpoint model = Checkpoint.open(Path.of(gguf))) {
      assertEquals(DType.Q8_0, model.tensor("model.embed_tokens.weight").dtype());
    }
    String exact = home.resolve("exact.gguf").toString();
    done("export", "-m", hf, "--to", "gguf", "--format", "f32", exact);
    assertEquals(tokens("-m", hf), tokens("-m", exact));
    Run again = run("export", "-m", TINY, "--to", "hf", "--format", "f32", hf);
    assertEquals(1, again.code());
    assertEquals(
        "jangle: " + hf + ": is there already; remove it or give another name\n", again.err());
  }

  @Test
  void anAdapterIsForItsModel() throws IOException {
    Run info = done("info", "-m", TINY, "--adapter", ADAPTER);
    assertTrue(info.out().contains("adapter     LoRA of rank 4, scale 2.0, on 14"), info.out());
    assertNotEquals(tokens("-m", TINY), tokens("-m", TINY, "--adapter", ADAPTER));
    Run other = run("info", "-m", OTHER, "--adapter", ADAPTER);
    assertEquals(1, other.code());
    assertTrue(other.err().contains("belongs to another model"), other.err());
    Run generate = run("generate", "-m", OTHER, "--adapter", ADAPTER, "hello");
    assertEquals(1, generate.code());
    assertEquals(other.err(), generate.err());
    Run none =
        run(
            "export",
            "-m",
            TINY,
            "--adapter",
            "/nowhere",
            "--to",
            "hf",
            "--format",
            "f32",
            home.resolve("out").toString());
    assertEquals(1, none.code());
    assertTrue(none.err().contains("/nowhere: is no adapter"), none.err());
    assertTrue(Files.notExists(home.resolve("out")));
  }
}
