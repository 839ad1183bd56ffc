package dev.jangle.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainTest {
  private static final String TINY =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources/models/gguf_f32/model.gguf")
          .toString();

  @TempDir private Path folder;
  private Path data;
  private Path out;

  @BeforeEach
  void writeData() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 20; i++) {
      lines.append("{\"text\": \"and the ").append(i).append(" is in the ").append("\"}\n");
    }
    data = Files.writeString(folder.resolve("data.jsonl"), lines);
    out = folder.resolve("run");
  }

  private static Run run(String... arguments) {
    String[] all = new String[arguments.length + 3];
    all[0] = "train";
    all[1] = "--backend";
    all[2] = "cpu";
    System.arraycopy(arguments, 0, all, 3, arguments.length);
    return Run.of(Map.of(), "", all);
  }

  private Path config(String text) throws IOException {
    return Files.writeString(folder.resolve("config.json"), text);
  }

  private Path config(Map<String, Object> options) throws IOException {
    return config(new ObjectMapper().writeValueAsString(options));
  }

  @Test
  void trainsByAFileAndGoesOn() throws IOException {
    Path file =
        config(
            Map.of(
                "model",
                TINY,
                "data",
                List.of(data.toString()),
                "out",
                "nowhere",
                "steps",
                6,
                "rows",
                1,
                "length",
                64,
                "noise",
                "progressive",
                "rate",
                2e-2,
                "seed",
                3));
    // What the command line says wins, wherever it stands.
    Run first = run("--out", out.toString(), "--config", file.toString(), "--rate", "1e-2");
    assertEquals(0, first.code(), first.err());
    assertTrue(first.err().contains("20 samples (0 cut"), first.err());
    assertTrue(first.err().contains("done: " + out), first.err());
    assertFalse(Files.exists(Path.of("nowhere")));
    List<String> log = Files.readAllLines(out.resolve("log.jsonl"));
    assertEquals(6, log.size());
    JsonNode step = new ObjectMapper().readTree(log.get(1));
    assertEquals(2, step.get("step").asInt());
    assertEquals(1e-2, new ObjectMapper().readTree(log.get(0)).get("rate").asDouble());
    assertTrue(step.get("loss").asDouble() > 0);
    assertEquals(5, step.get("denoising").size());
    assertTrue(Files.readString(out.resolve("run.svg")).contains("<svg"));
    assertTrue(Files.exists(out.resolve("checkpoint-000006.safetensors")));

    Run again = run("--out", out.toString(), "--config", file.toString(), "--rate", "1e-2");
    assertEquals(0, again.code(), again.err());
    assertTrue(again.err().contains("going on after step 6"), again.err());
    assertEquals(log, Files.readAllLines(out.resolve("log.jsonl")));

    Files.delete(out.resolve("log.jsonl"));
    Run unlogged = run("--out", out.toString(), "--config", file.toString(), "--rate", "1e-2");
    assertEquals(0, unlogged.code(), unlogged.err());

    Run other = run("--out", out.toString(), "--config", file.toString(), "--rate", "3e-2");
    assertEquals(1, other.code());
    assertTrue(other.err().contains("rate is 0.03 now, was 0.01"), other.err());
    assertFalse(other.err().contains("\tat "), "no stack trace");
  }

  /** Untrained, few drafts are right; a text that is learnt by heart can be drafted. */
  @Test
  void aProbeShowsTheDraftsGetBetter() throws IOException {
    Path questions =
        Files.writeString(
            folder.resolve("questions.jsonl"),
            "{\"question_id\": 1, \"category\": \"qa\", \"turns\": [\"and the 3\"]}\n");
    Run run =
        run(
            "-m",
            TINY,
            "--full",
            "--data",
            data.toString(),
            "--out",
            out.toString(),
            "--probe",
            questions.toString(),
            "--noise",
            "own",
            "--share",
            "0.5",
            "--rows",
            "1",
            "--length",
            "64",
            "--rate",
            "1e-2",
            "--steps",
            "60",
            "--checkpoint-every",
            "60");
    assertEquals(0, run.code(), run.err());
    List<Double> probes =
        Pattern.compile("steps: ([0-9.]+) tokens per pass")
            .matcher(run.err())
            .results()
            .map(match -> Double.valueOf(match.group(1)))
            .toList();
    assertEquals(2, probes.size(), run.err());
    assertTrue(probes.get(1) > 1.5 * probes.get(0), run.err());
    assertTrue(Files.exists(out.resolve("model/config.json")), run.err());
    try (Stream<Path> files = Files.list(out)) {
      assertTrue(files.noneMatch(file -> file.getFileName().toString().startsWith("probe-")));
    }
  }

  /** The share that there is by default would be more than such segments have. */
  @Test
  void segmentsOfOneTokenNeedNoShare() {
    Run run =
        run(
            "-m",
            TINY,
            "--data",
            data.toString(),
            "--out",
            out.toString(),
            "--segment",
            "1",
            "--length",
            "64",
            "--steps",
            "1");
    assertEquals(0, run.code(), run.err());
  }

  /** It is not for this model, so its name was understood. */
  @Test
  void goesOnFromTheAdapterThatComesWithJangle() {
    String line =
        "train --backend cpu -m %s --data %s --out %s --from smollm2-msn"
            .formatted(TINY, data, out);
    Map<String, String> home = Map.of("JANGLE_HOME", folder.resolve("home").toString());
    Run run = Run.of(home, "", line.split(" "));
    assertEquals(1, run.code(), run.err());
    assertTrue(run.err().contains("belongs to another model"), run.err());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--example",
        "--example --out z --config c",
        "-m x",
        "-m x --data y",
        "-m x --data y --out z --rate -1",
        "-m x --data y --out z --share 3.1",
        "-m x --data y --out z --noise segments --share 0.9",
        "-m x --data y --out z --segment 0",
        "-m x --data y --out z --noise loud",
        "-m x --data y --out z --rank 0",
        "-m x --data y --out z --full --rank 4",
        "-m x --data y --out z --full --from a"
      })
  void wrongUsageIsTwoAndOneReason(String line) {
    Run run = run(line.isEmpty() ? new String[0] : line.split(" "));
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().startsWith("jangle: "), run.err());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'speed': 3} | speed is no option",
        "{'rate': 'fast'} | rate is 'fast'; expected a number",
        "{'rows': 1.5} | rows is 1.5; expected an integer",
        "{'full': 1} | full is 1; expected true or false",
        "{'data': 'a.jsonl'} | data is 'a.jsonl'; expected a list of file names",
        "{'noise': 'loud'} | noise is 'loud'; expected one of ahead, segments",
        "{'config': 'b.json'} | config is no option",
        "[] | is not a JSON object",
        "{'rate': 1, 'rate': 2} | is not JSON",
        "{ | is not JSON"
      })
  void aWrongFileIsRefusedByName(String json, String reason) throws IOException {
    Path file = config(json.replace('\'', '"'));
    Run run = run("--config", file.toString());
    assertEquals(1, run.code(), run.err());
    assertTrue(run.err().contains(file + ": " + reason.replace('\'', '"')), run.err());
  }

  @Test
  void badDataIsOneLine() throws IOException {
    Files.writeString(data, "{\"text\": \"fine, fine\"}\nnot JSON\n");
    Run run = run("-m", TINY, "--data", data.toString(), "--out", out.toString());
    assertEquals(1, run.code());
    assertTrue(run.err().contains("1 of 2 lines are bad"), run.err());
    assertTrue(run.err().contains(data + ":2: is not JSON"), run.err());
    Run passed =
        run(
            "-m",
            TINY,
            "--data",
            data.toString(),
            "--out",
            out.toString(),
            "--most-bad",
            "0.5",
            "--length",
            "64",
            "--steps",
            "1");
    assertEquals(0, passed.code(), passed.err());
    assertTrue(passed.err().contains("left out: " + data + ":2"), passed.err());
    Run missing = run("-m", TINY, "--data", "no.jsonl", "--out", out.toString());
    assertEquals(1, missing.code());
    assertTrue(missing.err().contains("no.jsonl: does not exist"), missing.err());
  }
}
