package dev.jangle.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.format.AtomicFile;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A JSON object a line for each step. One thread at a time. */
final class RunLog implements AutoCloseable {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final Path file;
  private final FileChannel out;

  private RunLog(Path file, FileChannel out) {
    this.file = file;
    this.out = out;
  }

  /** Keeps the lines of the first steps; those after them are written again. */
  static RunLog open(Path file, int steps) throws IOException {
    StringBuilder kept = new StringBuilder();
    if (Files.exists(file)) {
      try (BufferedReader reader = Files.newBufferedReader(file)) {
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
          int step = step(line);
          if (step >= 1 && step <= steps) {
            kept.append(line).append('\n');
          }
        }
      }
    }
    AtomicFile.write(file, kept.toString());
    return new RunLog(
        file, FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.APPEND));
  }

  /** The step of a line; 0 where it is torn. */
  private static int step(String line) {
    try {
      JsonNode node = MAPPER.readTree(line);
      return node == null ? 0 : node.path("step").asInt(0);
    } catch (JsonProcessingException e) {
      return 0;
    }
  }

  /** Adds a line. */
  void add(TrainingEvent.Step step) throws IOException {
    ObjectNode line = MAPPER.createObjectNode();
    line.put("step", step.step())
        .put("steps", step.steps())
        .put("epoch", step.epoch())
        .put("loss", step.loss())
        .put("clean_loss", step.cleanLoss())
        .put("rate", step.rate())
        .put("norm", step.norm())
        .put("tokens", step.tokens())
        .put("labels", step.labels())
        .put("noised", step.noised());
    ArrayNode denoising = line.putArray("denoising");
    for (int depth = 1; depth <= Denoising.DEPTHS; depth++) {
      double accuracy = step.denoising().accuracy(depth);
      if (Double.isNaN(accuracy)) {
        denoising.addNull();
      } else {
        denoising.add(accuracy);
      }
    }
    line.put("tokens_per_second", step.tokensPerSecond());
    byte[] bytes = (MAPPER.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
    try {
      AtomicFile.writeAll(out, ByteBuffer.wrap(bytes));
    } catch (IOException e) {
      throw new IOException(file + ": cannot be written: " + e.getMessage(), e);
    }
  }

  /** Waits until all lines are on the disk. */
  void flush() throws IOException {
    out.force(true);
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
