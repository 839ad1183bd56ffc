package dev.jangle.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DistillTest {
  private static final String DATA =
      """
      {"instruction": "abc abc abc", "output": "x"}
      {"instruction": "def", "output": "x"}
      {"text": "plain"}
      """;

  @TempDir private Path home;

  private Run run(String... arguments) {
    return Run.of(Map.of("JANGLE_HOME", home.toString()), "", arguments);
  }

  @Test
  void writesTheModelsOwnAnswersAndReports() throws IOException {
    String model = ChatModel.write(home);
    String data = Files.writeString(home.resolve("data.jsonl"), DATA).toString();
    Path out = home.resolve("own.jsonl");
    String[] arguments = {
      "distill",
      "-m",
      model,
      "--data",
      data,
      "--out",
      out.toString(),
      "--max-tokens",
      "20",
      "--unfinished",
      "cut",
      "--at-once",
      "2"
    };
    Run run = run(arguments);
    assertEquals(0, run.code(), run.err());
    List<String> lines = Files.readAllLines(out);
    assertTrue(run.out().startsWith(lines.size() + " of 3 examples in " + out), run.out());
    assertTrue(run.out().contains("left out, plain texts: 1"), run.out());
    assertTrue(run.out().contains("tokens/s"), run.out());
    for (String line : lines) {
      JsonNode messages = new ObjectMapper().readTree(line).get("messages");
      Run plain =
          run(
              "generate",
              "-m",
              model,
              "--decoding",
              "plain",
              "--max-tokens",
              "20",
              messages.get(0).get("content").asText());
      assertTrue(plain.out().startsWith(messages.get(1).get("content").asText()), plain.out());
    }
    Run again = run(arguments);
    assertEquals(0, again.code(), again.err());
    assertTrue(again.out().contains("3 of all were done by earlier runs"), again.out());
    assertEquals(lines, Files.readAllLines(out));
    arguments[8] = "21";
    Run other = run(arguments);
    assertEquals(1, other.code());
    assertTrue(other.err().contains("max-tokens is 21 now, was 20"), other.err());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "distill -m x --out o",
        "distill -m x --data d",
        "distill -m x --data d --out o --at-once 0",
        "distill -m x --data d --out o --unfinished burn",
        "distill -m x --data d --out o --most-repetition 2"
      })
  void wrongUsageIsTwo(String line) {
    Run run = run(line.split(" "));
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().startsWith("jangle: "), run.err());
  }

  @Test
  void aModelWithoutATemplateIsOneLine() throws IOException {
    String data = Files.writeString(home.resolve("data.jsonl"), DATA).toString();
    String raw =
        Path.of(
                System.getProperty("jangle.root"),
                "tests/core/resources/models/gguf_q8_0/model.gguf")
            .toString();
    Run run =
        run("distill", "-m", raw, "--data", data, "--out", home.resolve("o.jsonl").toString());
    assertEquals(1, run.code());
    assertTrue(run.err().contains("chat template"), run.err());
    assertTrue(Files.notExists(home.resolve("o.jsonl")));
  }
}
