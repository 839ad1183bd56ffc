package dev.jangle.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The command on the CPU, with shapes that end at once: its figures, never its times. */
class BenchKernelsTest {
  @TempDir private Path folder;

  private static Run run(String... options) {
    String[] arguments = new String[options.length + 7];
    System.arraycopy(
        new String[] {
          "bench-kernels", "--backend", "cpu", "--model", "tiny", "--seconds", "0",
        },
        0,
        arguments,
        0,
        7);
    System.arraycopy(options, 0, arguments, 7, options.length);
    return Run.of(Map.of("NO_COLOR", "1"), "", arguments);
  }

  private static JsonNode json(String... options) throws IOException {
    Run run = run(options);
    assertEquals(0, run.code(), run.err());
    assertEquals(1, run.out().lines().count());
    return new ObjectMapper().readTree(run.out());
  }

  @Test
  void everyOperationIsMeasured() throws IOException {
    JsonNode report = json("--json", "--format", "f32,f16,q4_1", "--rows", "3,1,3");
    assertEquals("cpu", report.get("backend").asText());
    assertFalse(report.get("device").asText().isBlank());
    assertTrue(report.get("threads").asInt() >= 1);
    assertTrue(report.get("cache_bytes").asLong() >= 1 << 20);
    assertTrue(report.get("rotated_bytes").asLong() > 0);
    assertTrue(report.get("memory_ceiling").get("gb_per_s").asDouble() > 0);
    assertTrue(report.get("cublas").isNull() && report.get("cublas_missing").isNull());
    assertEquals(0, report.get("skipped").size());
    for (String format : List.of("f32", "f16", "q4_1")) {
      JsonNode ceiling = report.get("compute_ceilings").get(format);
      assertTrue(ceiling.get("tflop_per_s").asDouble() > 0, format);
      assertFalse(ceiling.get("by").asText().isBlank(), format);
    }
    Set<String> found = new HashSet<>();
    for (JsonNode result : report.get("results")) {
      found.add(result.get("op").asText() + " " + result.get("format").asText());
      assertEquals("tiny", result.get("model").asText());
      assertTrue(Set.of(1, 3).contains(result.get("rows").asInt()));
      check(result);
    }
    assertEquals(
        Set.of(
            "embed f32",
            "embed f16",
            "embed q4_1",
            "rmsnorm f32",
            "matmul f32",
            "matmul f16",
            "matmul q4_1",
            "rope f32",
            "kv_append f32",
            "kv_append f16",
            "attention f32",
            "attention f16",
            "swiglu f32",
            "residual f32",
            "argmax f32",
            "topk f32",
            "sample f32",
            "kv_gather f32",
            "kv_gather f16"),
        found);
    // Five matrices in three formats; 16 other pairs of operation and format; 1 and 3 rows.
    assertEquals(2 * (5 * 3 + 16), report.get("results").size());
  }

  /** Figures that hold whatever the times are. */
  private static void check(JsonNode result) {
    String what = result.toString();
    JsonNode us = result.get("us");
    double median = us.get("median").asDouble();
    assertTrue(us.get("samples").asInt() >= 2, what);
    assertTrue(0 < us.get("least").asDouble(), what);
    assertTrue(us.get("least").asDouble() <= us.get("lower_quartile").asDouble(), what);
    assertTrue(us.get("lower_quartile").asDouble() <= median, what);
    assertTrue(median <= us.get("upper_quartile").asDouble(), what);
    assertTrue(us.get("upper_quartile").asDouble() <= us.get("most").asDouble(), what);
    long bytes = result.get("bytes").asLong();
    assertTrue(bytes > 0, what);
    assertEquals(bytes / median * 1e-3, result.get("gb_per_s").asDouble(), 1e-9, what);
    double flops = result.get("flops").asDouble();
    boolean multiplies = Set.of("matmul", "attention").contains(result.get("op").asText());
    assertEquals(multiplies, flops > 0, what);
    assertEquals(multiplies, !result.get("tflop_per_s").isNull(), what);
    assertEquals(
        result.get("bound").asText().equals("cache"), result.get("ceiling_share").isNull(), what);
    assertTrue(result.get("cublas_us").isNull(), what);
  }

  @Test
  void aProductHasItsFlopsAndReadsItsWeights() throws IOException {
    JsonNode results =
        json("--json", "--op", "matmul", "--format", "f32", "--rows", "7").get("results");
    assertEquals(5, results.size());
    JsonNode down = results.get(3);
    assertEquals("down [64][96]", down.get("shape").asText());
    assertEquals(2.0 * 7 * 64 * 96, down.get("flops").asDouble());
    assertTrue(down.get("bytes").asLong() >= 4 * (64 * 96 + 7 * (64 + 96)));
  }

  @Test
  void theTableIsAlignedAndPlain() {
    Run run = run("--op", "matmul,argmax", "--format", "q8_0,f32", "--rows", "1,16");
    assertEquals(0, run.code(), run.err());
    assertFalse(run.out().contains("\u001b"), "escape codes in a pipe");
    List<String> lines = run.out().lines().toList();
    List<String> rows =
        lines.stream().filter(line -> line.startsWith("matmul") || line.startsWith("arg")).toList();
    assertEquals(2 * (2 * 5 + 1), rows.size());
    String header = lines.stream().filter(line -> line.startsWith("tiny")).findFirst().orElse("");
    for (String column : List.of("rows", "us", "spread", "GB/s", "TFLOP/s", "ceiling", "bound")) {
      assertTrue(header.contains(" " + column), header);
    }
    for (String row : rows) {
      assertEquals(header.length(), row.length(), row);
    }
  }

  @Test
  void helpNamesTheCommand() {
    assertTrue(Run.of(Map.of(), "", "--help").out().contains("bench-kernels"));
    Run help = Run.of(Map.of(), "", "bench-kernels", "--help");
    assertEquals(0, help.code(), help.err());
    assertTrue(help.out().contains("kv_gather") && help.out().contains("llama-3.1-8b"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--model gpt-9 | smollm2-135m",
        "--op fly | KV_APPEND",
        "--format q9 | Q8_0",
        "--rows 0 | 1 to 128",
        "--rows 1,129 | 129",
        "--rows x | --rows",
        "--seconds -1 | --seconds",
        "--seconds NaN | --seconds",
        "--backend tpu | CUDASIM",
        "--op attention --format q8_0 | f32, f16",
        "--op swiglu --format bf16 | swiglu has none",
        "--chart chart.jpg | .svg or .png",
        "--chart /no/such/folder/a.png | cannot be written"
      })
  void wrongUsageIsTwoAndSaysWhatIsExpected(String line, String part) {
    Run run = run(line.split(" "));
    assertEquals(2, run.code(), run.err());
    assertTrue(run.err().startsWith("jangle: "), run.err());
    assertTrue(run.err().contains(part), run.err());
    assertEquals("", run.out());
  }

  @ParameterizedTest
  @ValueSource(strings = {"cuda", "cudasim"})
  void aMissingDeviceIsOneLine(String backend) {
    Run run = Run.of(Map.of(), "", "bench-kernels", "--backend", backend, "--model", "tiny");
    assertEquals(1, run.code(), run.out());
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(
        run.err().contains(backend.equals("cuda") ? "CUDA backend" : "libjangle_cudasim.so"),
        run.err());
  }

  @Test
  void aChartIsAPicture() throws Exception {
    for (String kind : List.of("svg", "png")) {
      Path file = folder.resolve("chart." + kind);
      Run run = run("--op", "matmul,rope", "--rows", "1,2,5", "--chart", file.toString(), "--json");
      assertEquals(0, run.code(), run.err());
      assertTrue(Files.size(file) > 1000, kind);
      if (kind.equals("png")) {
        BufferedImage image = ImageIO.read(file.toFile());
        assertNotNull(image);
        assertTrue(image.getWidth() > 500 && image.getHeight() > 300);
      } else {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
        var root = factory.newDocumentBuilder().parse(file.toFile()).getDocumentElement();
        assertEquals("svg", root.getTagName());
        assertTrue(root.getElementsByTagName("path").getLength() > 10);
      }
    }
    try (var files = Files.list(folder)) {
      assertEquals(2, files.count(), "only the charts");
    }
  }
}
