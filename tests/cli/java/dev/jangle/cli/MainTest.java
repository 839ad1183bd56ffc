package dev.jangle.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.BackendStatus;
import dev.jangle.backend.Backends;
import dev.jangle.cli.term.Amounts;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.LoraAdapter;
import dev.jangle.format.LoraConfig;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {
  /** A tiny random model; its answers are nonsense, and always the same nonsense. */
  private static final String TINY =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources/models/gguf_q8_0/model.gguf")
          .toString();

  @TempDir private Path home;

  private Run run(String... arguments) {
    return Run.of(Map.of("JANGLE_HOME", home.toString()), "", arguments);
  }

  @Test
  void versionAndHelpGoToStandardOutput() {
    assertEquals(0, run("--version").code());
    assertTrue(run("--version").out().startsWith("jangle "));
    Run help = run("--help");
    assertEquals(0, help.code());
    for (String command :
        new String[] {
          "demo", "generate", "chat", "pull", "info", "bench", "train", "export", "distill", "eval"
        }) {
      assertTrue(help.out().contains(command), command);
      Run its = run(command, "--help");
      assertEquals(0, its.code(), its.err());
      assertTrue(its.out().contains("jangle " + command), "an example of " + command);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "fly",
        "generate",
        "generate -m x --temperature hot hello",
        "generate -m x --temperature -1 hello",
        "generate -m x --top-p 2 hello",
        "generate -m x --decoding magic hello",
        "generate -m x --threads -3 hello",
        "generate -m x --json --show-drafts hello",
        "info --adapter x",
        "export -m x --to hf --format bf16",
        "export -m x --to hf --format q8_0 out",
        "export -m x --to gguf --format q4_1 out",
        "export -m x --to onnx --format f32 out",
        "bench -m x --rounds 0",
        "bench -m x --decoding plain",
        "bench -m x --prompts /",
        "eval -m x --data /",
        "train -m x --data / --out x",
        "train --config /",
        "demo --max-tokens 0",
        "demo --threads -1"
      })
  void wrongUsageIsTwoAndOneReason(String line) {
    Run run = run(line.isEmpty() ? new String[0] : line.split(" "));
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().startsWith("jangle: "), run.err());
    assertEquals("", run.out());
    assertFalse(run.err().contains("\tat "), "no stack trace");
  }

  @Test
  void anUnknownModelSaysWhatIsThereAndHowToGetOne() {
    Run run = run("generate", "-m", "gpt-9", "hello");
    assertEquals(1, run.code());
    assertTrue(run.err().contains("gpt-9") && run.err().contains("jangle pull"), run.err());
    Run pull = run("pull", "gpt-9");
    assertEquals(1, pull.code());
    assertTrue(pull.err().contains("smollm2"), pull.err());
  }

  @Test
  void aBrokenFileIsOneLine() throws IOException {
    Path file = Files.writeString(home.resolve("broken.gguf"), "version https://git-lfs");
    Run run = run("generate", "-m", file.toString(), "hello");
    assertEquals(1, run.code());
    assertTrue(run.err().contains("broken.gguf"), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
  }

  /** The last number of this file is one of the last norm's. */
  @Test
  void damagedWeightsAreNoErrorInJangleItself() throws IOException {
    byte[] bytes =
        Files.readAllBytes(Path.of(TINY).resolveSibling("../gguf_f32/model.gguf").normalize());
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(bytes.length - 4, Float.NaN);
    String model = Files.write(home.resolve("damaged.gguf"), bytes).toString();
    String data = Files.writeString(home.resolve("a.jsonl"), "{\"text\": \"a b\"}\n").toString();
    for (Run run :
        List.of(
            run("generate", "-m", model, "--decoding", "plain", "--raw", "hello"),
            run("eval", "-m", model, "--data", data))) {
      assertEquals(1, run.code(), run.err());
      assertTrue(run.err().contains("its weights are damaged"), run.err());
      assertFalse(run.err().contains("Jangle itself"), run.err());
    }
  }

  @Test
  void aFolderInAFilesPlaceIsNamed() throws IOException {
    String folder = home.toString();
    Run run = run("bench", "-m", TINY, "--prompts", folder);
    assertTrue(run.err().contains("--prompts"), run.err());
    assertTrue(run.err().contains(folder + " is a folder; expected a file"), run.err());
    Path config = home.resolve("run.json");
    Files.writeString(config, "{\"data\": [\"" + folder + "\"]}");
    Run train = run("train", "--config", config.toString());
    assertEquals(1, train.code());
    assertTrue(train.err().contains(folder) && train.err().contains("not a folder"), train.err());
  }

  @Test
  void aFileInAFoldersPlaceIsNamed() throws IOException {
    Path file = Files.createFile(home.resolve("rhymes"));
    Run run = run("train", "--example", "--out", file.toString());
    assertEquals(1, run.code());
    assertEquals(
        "jangle: " + file + ": is there already; remove it or give another name\n", run.err());
  }

  @Test
  void generatesTheSameTextWithAndWithoutDrafts() throws IOException {
    String[] options = {"-m", TINY, "--max-tokens", "40", "--raw", "abc abc abc"};
    String plain = json("generate", "plain", options).get("text").asText();
    assertFalse(plain.isEmpty());
    for (String decoding : new String[] {"auto", "paper"}) {
      assertEquals(plain, json("generate", decoding, options).get("text").asText(), decoding);
    }
  }

  private JsonNode json(String command, String decoding, String... options) throws IOException {
    String[] arguments = new String[options.length + 4];
    arguments[0] = command;
    arguments[1] = "--json";
    arguments[2] = "--decoding";
    arguments[3] = decoding;
    System.arraycopy(options, 0, arguments, 4, options.length);
    Run run = run(arguments);
    assertEquals(0, run.code(), run.err());
    return new ObjectMapper().readTree(run.out());
  }

  @Test
  void aPipeGetsNoColours() {
    Run run =
        run("generate", "-m", TINY, "--raw", "--show-drafts", "--max-tokens", "20", "abc abc");
    assertEquals(0, run.code(), run.err());
    assertFalse(run.out().contains("\u001b"), "escape codes in a pipe");
  }

  @Test
  void thePromptMayComeFromThePipe() {
    Run run =
        Run.of(Map.of(), "abc abc", "generate", "-m", TINY, "--raw", "--max-tokens", "5", "-");
    assertEquals(0, run.code(), run.err());
    assertFalse(run.out().isBlank());
    Run empty = Run.of(Map.of(), "", "generate", "-m", TINY, "-");
    assertEquals(2, empty.code());
  }

  @Test
  void chatAnswersEachLine() {
    Run run =
        Run.of(
            Map.of(), "abc\n/stats\n/nonsense\n/exit\n", "chat", "-m", TINY, "--max-tokens", "4");
    assertEquals(0, run.code(), run.err());
    assertTrue(run.err().contains("no such command: /nonsense"), run.err());
    assertTrue(run.err().contains("forward passes"), run.err());
  }

  @Test
  void benchReportsWhatOthersRead() throws IOException {
    Path prompts =
        Files.writeString(
            home.resolve("questions.jsonl"),
            """
            {"question_id": 1, "category": "writing", "turns": ["abc abc abc"]}
            {"question_id": 2, "category": "qa", "turns": ["def def def"]}
            """);
    JsonNode report =
        json("bench", "auto", "-m", TINY, "--prompts", prompts.toString(), "--max-tokens", "16");
    for (String field :
        new String[] {
          "model",
          "backend",
          "tier",
          "threads",
          "preset",
          "questions",
          "identical",
          "prefill_tokens_per_s",
          "plain_tokens_per_s",
          "tokens_per_s",
          "speedup",
          "mean_acceptance_length",
          "repetition",
          "by_category",
          "t_of_m"
        }) {
      assertTrue(report.has(field), field);
    }
    assertEquals(2, report.get("questions").asInt());
    assertEquals(2, report.get("identical").asInt());
    assertTrue(report.get("by_category").has("chat") && report.get("by_category").has("qa"));
  }

  @Test
  void aWrongPromptFileNamesItsLine() throws IOException {
    Path prompts =
        Files.writeString(
            home.resolve("bad.jsonl"), "{\"category\": \"qa\", \"turns\": [\"a\"]}\nnot json\n");
    Run run = run("bench", "-m", TINY, "--prompts", prompts.toString());
    assertEquals(1, run.code());
    assertTrue(run.err().contains("bad.jsonl"), run.err());
  }

  @Test
  void infoTellsWhyABackendIsMissing() {
    Run run = run("info", "-m", TINY);
    assertEquals(0, run.code(), run.err());
    boolean hasGpu = Backends.probe().getLast().available();
    assertTrue(run.out().contains("cuda"), run.out());
    assertEquals(!hasGpu, run.out().contains("not available"), run.out());
    assertTrue(run.out().contains("Q8_0"), run.out());
  }

  @Test
  void theHostsProcessorsAreOfTheCpuAlone() {
    assertTrue(
        InfoCommand.describe(new BackendStatus(BackendKind.CPU, true, "Zen", "avx2", ""))
            .matches("Zen, avx2, \\d+ processors"));
    assertEquals(
        "H100, sm_90",
        InfoCommand.describe(new BackendStatus(BackendKind.CUDA, true, "H100", "sm_90", "")));
  }

  /** Weights of 4 bits that an adapter changes take 8. */
  @Test
  void infoCountsTheMemoryWithTheAdapter() throws IOException {
    String model = TINY.replace("q8_0", "q4_0");
    Path adapter = home.resolve("adapter");
    String memory;
    try (Checkpoint base = Checkpoint.open(Path.of(model))) {
      Map<String, float[]> factors = new HashMap<>();
      for (int layer = 0; layer < base.config().layers(); layer++) {
        String name = "base_model.model.model.layers." + layer + ".mlp.up_proj.lora_";
        factors.put(name + "A.weight", new float[base.config().hiddenSize()]);
        factors.put(name + "B.weight", new float[base.config().intermediateSize()]);
      }
      LoraConfig config = new LoraConfig(1, 1, false, List.of("up_proj"), "tiny");
      LoraAdapter.write(adapter, config, DType.F32, factors);
      long bytes = LoraAdapter.open(adapter, base).merge(base).weightBytes();
      assertTrue(bytes > base.weightBytes());
      memory = Amounts.bytes(bytes) + " of weights";
    }
    Run without = run("info", "-m", model);
    assertFalse(without.out().contains(memory), without.out());
    Run run = run("info", "-m", model, "--adapter", adapter.toString());
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains(memory), run.out());
  }
}
