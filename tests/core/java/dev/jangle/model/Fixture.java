package dev.jangle.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * A tiny model that PyTorch wrote, and what it says about it; see tests/fixtures/models/README.md.
 *
 * @param checkpoint the folder, or the GGUF file in it
 * @param logits float64, rounded, of every position of the input
 * @param greedyIds what follows the input
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Fixture(
    String name,
    Path checkpoint,
    int[] inputIds,
    float[][] logits,
    double largestLogit,
    JsonNode naiveError,
    int[] greedyIds) {
  private static final Path FOLDER =
      Path.of(System.getProperty("jangle.root"), "tests/core/resources/models");

  /** The error of transformers itself, in float32 or with rounded activations. */
  record Deviation(double largest, double rms) {}

  static List<String> names() {
    try (Stream<Path> folders = Files.list(FOLDER)) {
      return folders.map(folder -> folder.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Fixture of(String name) {
    return of(FOLDER.resolve(name));
  }

  /** What a folder says, whose model may be elsewhere. */
  static Fixture of(Path folder) {
    try {
      JsonNode json = new ObjectMapper().readTree(folder.resolve("expected.json").toFile());
      JsonNode shape = json.get("logits").get("shape");
      float[][] logits = new float[shape.get(0).asInt()][shape.get(1).asInt()];
      Path file = folder.resolve(json.get("logits").get("file").asText());
      ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
      for (float[] row : logits) {
        for (int j = 0; j < row.length; j++) {
          row[j] = bytes.getFloat();
        }
      }
      Path gguf = folder.resolve("model.gguf");
      return new Fixture(
          String.valueOf(folder.getFileName()),
          Files.exists(gguf) ? gguf : folder,
          ints(json.get("input_ids")),
          logits,
          json.get("largest_logit").asDouble(),
          json.get("naive_error"),
          ints(json.get("greedy_ids")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asInt();
    }
    return values;
  }

  /** The error under {@code f32}, {@code bf16_activations} or {@code q8_activations}. */
  Deviation error(String kind) {
    JsonNode error = naiveError.get(kind);
    return new Deviation(error.get("largest").asDouble(), error.get("rms").asDouble());
  }
}
