package dev.jangle.model;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.jangle.backend.Backend;
import dev.jangle.backend.Machine;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.SafetensorsBytes;
import dev.jangle.format.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Projections of one input whose weights have different formats: they cannot be one product, and
 * each must still find its columns and its part of the bias.
 */
class MixedFormatsTest {
  private static final String MODEL = "qwen2"; // query, key and value have a bias
  private static final int POSITIONS = 160;

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"})
  void oneProjectionInF16(String projection) throws IOException {
    Fixture fixture = Fixture.of(MODEL);
    float[][] expected = logits(copy(fixture, projection, false), fixture.inputIds());
    float[][] found = logits(copy(fixture, projection, true), fixture.inputIds());
    double bound = 0x1p-16 * fixture.largestLogit(); // activations stay about float32 in F16, too
    Logits.assertNear(expected, found, bound, bound, projection + " in F16");
  }

  private static float[][] logits(Path checkpoint, int[] tokens) throws IOException {
    try (Backend backend = Machine.best(2).open();
        ModelRun run = new ModelRun(checkpoint, backend, DType.F32, POSITIONS)) {
      return run.append(tokens.length, tokens);
    }
  }

  /** The model with this projection's values rounded to F16, stored as F16 or as F32. */
  private Path copy(Fixture fixture, String projection, boolean stored) throws IOException {
    SafetensorsBytes writer = new SafetensorsBytes();
    try (Checkpoint checkpoint = Checkpoint.open(fixture.checkpoint())) {
      for (String name : Set.copyOf(checkpoint.names())) {
        Tensor tensor = checkpoint.tensor(name);
        byte[] bytes = tensor.data().toArray(JAVA_BYTE);
        boolean chosen = name.endsWith(projection + ".weight");
        if (chosen) {
          bytes = rounded(bytes, stored);
        }
        writer.tensor(
            name, chosen && stored ? "F16" : tensor.dtype().name(), tensor.shape(), bytes);
      }
    }
    Path to = Files.createDirectories(folder.resolve(projection + (stored ? "16" : "32")));
    Files.copy(fixture.checkpoint().resolve("config.json"), to.resolve("config.json"));
    writer.write(to.resolve("model.safetensors"));
    return to;
  }

  private static byte[] rounded(byte[] floats, boolean stored) {
    ByteBuffer from = ByteBuffer.wrap(floats).order(ByteOrder.LITTLE_ENDIAN);
    int n = floats.length / 4;
    ByteBuffer to = ByteBuffer.allocate(stored ? 2 * n : 4 * n).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < n; i++) {
      short half = Float.floatToFloat16(from.getFloat());
      if (stored) {
        to.putShort(half);
      } else {
        to.putFloat(Float.float16ToFloat(half));
      }
    }
    return to.array();
  }
}
