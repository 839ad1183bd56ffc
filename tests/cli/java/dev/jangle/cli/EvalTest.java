package dev.jangle.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EvalTest {
  private static final Path MODELS =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources/models");
  private static final String TINY = MODELS.resolve("gguf_q8_0/model.gguf").toString();
  private static final String FOUR_BITS = MODELS.resolve("gguf_q4_1/model.gguf").toString();

  @TempDir private Path home;

  private Run run(String... arguments) {
    return Run.of(Map.of("JANGLE_HOME", home.toString()), "", arguments);
  }

  private String file(String name, String text) throws IOException {
    return Files.writeString(home.resolve(name), text).toString();
  }

  private String questions() throws IOException {
    return file(
        "questions.jsonl",
        """
        {"question_id": 1, "category": "writing", "turns": ["abc abc abc"]}
        {"question_id": 2, "category": "qa", "turns": ["def def def"]}
        """);
  }

  @Test
  void twoModelsStandSideBySide() throws IOException {
    String data =
        file(
            "held-out.jsonl",
            """
            {"text": "the thing and the other thing are on the list of the things"}
            {"text": "all is well in the land of the rolling hills and streams"}
            """);
    String[] arguments = {
      "eval",
      "-m",
      TINY,
      "--against",
      FOUR_BITS,
      "--data",
      data,
      "--prompts",
      questions(),
      "--max-tokens",
      "24",
      "--json"
    };
    Run run = run(arguments);
    assertEquals(0, run.code(), run.err());
    JsonNode report = new ObjectMapper().readTree(run.out());
    assertEquals(0, report.get("differing").asInt());
    JsonNode first = report.get("models").get(0);
    JsonNode second = report.get("models").get(1);
    assertEquals(TINY, first.get("model").asText());
    assertEquals(FOUR_BITS, second.get("model").asText());
    assertEquals(2, first.get("samples").asInt());
    assertTrue(first.get("clean_loss").asDouble() > 1);
    assertEquals(5, first.get("denoising").size());
    for (String preset : new String[] {"jacobi", "paper", "auto"}) {
      JsonNode tasks = first.get("acceptance").get(preset).get("by_category");
      assertTrue(tasks.has("chat") && tasks.has("qa"), preset);
    }
    assertEquals(
        benched("jacobi"),
        first.get("acceptance").get("jacobi").get("all").get("mean_acceptance_length").asDouble());
  }

  /** What the benchmark finds for the same questions. */
  private double benched(String decoding) throws IOException {
    Run run =
        run(
            "bench",
            "-m",
            TINY,
            "--prompts",
            questions(),
            "--max-tokens",
            "24",
            "--decoding",
            decoding,
            "--json");
    assertEquals(0, run.code(), run.err());
    return new ObjectMapper().readTree(run.out()).get("mean_acceptance_length").asDouble();
  }

  @Test
  void aModelIsEqualToItself() throws IOException {
    Run run =
        run(
            "eval",
            "-m",
            TINY,
            "--against",
            TINY,
            "--prompts",
            questions(),
            "--presets",
            "jacobi,paper",
            "--questions",
            "1",
            "--max-tokens",
            "12");
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("Mean acceptance length, paper"), run.out());
    assertEquals(4, run.out().lines().filter(line -> line.contains("1.000  ")).count(), run.out());
  }

  /**
   * An adapter changes the loss on clean inputs as it does in a model that was exported with it.
   */
  @Test
  void adaptersStandSideBySide() throws IOException {
    String adapter = MODELS.resolveSibling("adapters/llama3_f32").toString();
    String merged = home.resolve("merged.gguf").toString();
    Run export =
        run("export", "-m", TINY, "--adapter", adapter, "--to", "gguf", "--format", "q8_0", merged);
    assertEquals(0, export.code(), export.err());
    String data = file("held-out.jsonl", "{\"text\": \"the thing and the other thing\"}\n");
    double base = loss("eval", "-m", TINY, "--against-adapter", adapter, "--data", data)[0];
    double[] both =
        loss("eval", "-m", TINY, "--adapter", adapter, "--against", TINY, "--data", data);
    double[] second =
        loss("eval", "-m", merged, "--against", TINY, "--against-adapter", adapter, "--data", data);
    assertEquals(base, both[1]);
    assertNotEquals(base, both[0]);
    assertEquals(both[0], second[1]);
    assertEquals(second[0], second[1]);
  }

  private double[] loss(String... line) throws IOException {
    List<String> arguments = new ArrayList<>(List.of(line));
    arguments.addAll(List.of("--presets", "jacobi", "--max-tokens", "4", "--json"));
    Run run = run(arguments.toArray(String[]::new));
    assertEquals(0, run.code(), run.err());
    JsonNode models = new ObjectMapper().readTree(run.out()).get("models");
    return new double[] {
      models.get(0).get("clean_loss").asDouble(), models.get(1).get("clean_loss").asDouble()
    };
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "eval -m x",
        "eval -m x --prompts q --presets plain",
        "eval -m x --prompts q --presets magic",
        "eval -m x --prompts q --max-tokens 0",
        "eval -m x --data d --sequence 1",
        "eval -m x --prompts q --questions 0"
      })
  void wrongUsageIsTwo(String line) {
    Run run = run(line.split(" "));
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().startsWith("jangle: "), run.err());
  }

  @Test
  void badDataNamesItsLines() throws IOException {
    Run run = run("eval", "-m", TINY, "--data", file("bad.jsonl", "{\"text\": \"a b\"}\n{}\n"));
    assertEquals(1, run.code());
    assertTrue(run.err().contains("bad.jsonl:2"), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
  }

  /** As training does; the template of this model refuses a system message. */
  @Test
  void aSampleThatTheTemplateRefusesIsPassedOver() throws IOException {
    StringBuilder lines = new StringBuilder();
    lines.append(
        "{\"messages\": [{\"role\": \"system\", \"content\": \"be brief\"},"
            + " {\"role\": \"user\", \"content\": \"a\"},"
            + " {\"role\": \"assistant\", \"content\": \"b\"}]}\n");
    for (int i = 0; i < 99; i++) {
      lines.append("{\"instruction\": \"Say ").append(i).append("\", \"output\": \"a b\"}\n");
    }
    Run run =
        run(
            "eval",
            "-m",
            ChatModel.write(home),
            "--data",
            file("chats.jsonl", lines.toString()),
            "--questions",
            "2",
            "--presets",
            "jacobi",
            "--max-tokens",
            "4",
            "--json");
    assertEquals(0, run.code(), run.err());
    assertTrue(run.err().contains("1 bad samples are passed over"), run.err());
    assertTrue(run.err().contains("chats.jsonl:1: chat template, line 1"), run.err());
    assertTrue(run.err().contains("1 of 2 questions are"), run.err());
    JsonNode report = new ObjectMapper().readTree(run.out());
    assertEquals(99, report.get("models").get(0).get("samples").asInt());
    assertEquals(1, report.get("questions").asInt());
  }

  @Test
  void conversationsNeedATemplate() throws IOException {
    Run run =
        run(
            "eval",
            "-m",
            TINY,
            "--data",
            file("chat.jsonl", "{\"instruction\": \"Say a\", \"output\": \"a\"}\n"));
    assertEquals(1, run.code());
    assertTrue(run.err().contains("chat.jsonl:1") && run.err().contains("template"), run.err());
  }
}
