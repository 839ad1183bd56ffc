package dev.jangle.model;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.LoadProgress;
import dev.jangle.backend.Backend;
import dev.jangle.backend.BufferProbe;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Machine;
import dev.jangle.backend.Refusal;
import dev.jangle.format.Adapters;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.FormatException;
import dev.jangle.format.LoraAdapter;
import dev.jangle.format.SafetensorsBytes;
import dev.jangle.format.Tensor;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WeightsTest {
  @TempDir Path folder;

  private final Backend backend = Machine.best(2).open();

  @AfterEach
  void close() {
    backend.close();
  }

  private void load(Path path) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      Transformer.load(checkpoint, backend, 64, (done, total) -> {}).close();
    }
  }

  /** A copy of a model of one file in which one tensor is missing, or lacks its last row. */
  private Path copy(String model, String changed, boolean keep) throws IOException {
    Path from = Fixture.of(model).checkpoint();
    SafetensorsBytes writer = new SafetensorsBytes();
    try (Checkpoint checkpoint = Checkpoint.open(from)) {
      for (String name : checkpoint.names()) {
        Tensor tensor = checkpoint.tensor(name);
        long[] shape = tensor.shape();
        byte[] bytes = tensor.data().toArray(JAVA_BYTE);
        if (name.equals(changed)) {
          bytes = Arrays.copyOf(bytes, (int) (bytes.length - bytes.length / shape[0]));
          shape[0]--;
        }
        if (keep || !name.equals(changed)) {
          writer.tensor(name, tensor.dtype().name(), shape, bytes);
        }
      }
    }
    Path to = Files.createDirectories(folder.resolve(changed));
    Files.write(to.resolve("config.json"), Files.readAllBytes(from.resolve("config.json")));
    writer.write(to.resolve("model.safetensors"));
    return to;
  }

  private static List<String> names(String model) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(Fixture.of(model).checkpoint())) {
      return List.copyOf(checkpoint.names());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama3", "qwen2", "qwen3"})
  void aMissingTensorIsNamed(String model) throws IOException {
    load(copy(model, "none", true));
    for (String name : names(model)) {
      Path broken = copy(model, name, false);
      Refusal.of(FormatException.class, () -> load(broken), name, broken.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama3", "qwen2", "qwen3"})
  void aTensorOfAnotherShapeIsNamed(String model) throws IOException {
    for (String name : names(model)) {
      Path broken = copy(model, name, true);
      Refusal.of(FormatException.class, () -> load(broken), name, broken.toString());
    }
  }

  /** A stop of the loading, at each tensor in turn. */
  private static final class Stop extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen2", "qwen3", "tinyllama", "gguf_q4_1"})
  void aFailedLoadGivesEverythingBack(String model) throws Exception {
    try (Checkpoint checkpoint = Checkpoint.open(Fixture.of(model).checkpoint());
        Kernels kernels = backend.newKernels()) {
      int[] updates = {0};
      new WeightLoader(checkpoint, kernels, (done, total) -> updates[0]++).load(64).close();
      assertTrue(updates[0] > 10, updates[0] + " updates");
      for (int stop = 1; stop <= updates[0]; stop++) {
        int[] left = {stop};
        LoadProgress progress =
            (done, total) -> {
              if (--left[0] == 0) {
                throw new Stop();
              }
            };
        WeightLoader loader = new WeightLoader(checkpoint, kernels, progress);
        assertThrows(Stop.class, () -> loader.load(64));
        for (AutoCloseable resource : taken(loader)) {
          assertTrue(BufferProbe.isClosed(resource), "left open at update " + stop);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen2", "qwen3", "tinyllama", "gguf_q4_1"})
  void closingGivesEverythingBack(String model) throws Exception {
    try (Checkpoint checkpoint = Checkpoint.open(Fixture.of(model).checkpoint());
        Kernels kernels = backend.newKernels()) {
      long[] last = {0, 0};
      LoadProgress progress =
          (done, total) -> {
            assertTrue(done > last[0] && done <= total, "progress goes up to the total");
            last[0] = done;
            last[1] = total;
          };
      WeightLoader loader = new WeightLoader(checkpoint, kernels, progress);
      Weights weights = loader.load(64);
      assertEquals(checkpoint.weightBytes(), last[1]);
      assertEquals(last[1], last[0], "all bytes were read");
      for (AutoCloseable resource : taken(loader)) {
        assertFalse(BufferProbe.isClosed(resource));
      }
      weights.close();
      for (AutoCloseable resource : taken(loader)) {
        assertTrue(BufferProbe.isClosed(resource), "left open");
      }
    }
  }

  /** Weights of 4 bits that an adapter changes have 8 bits then. */
  @Test
  void progressCountsWhatAnAdapterMakesOfTheWeights() throws IOException {
    Path model = Fixture.of("gguf_q4_0").checkpoint();
    Path adapter = Adapters.write(folder.resolve("adapter"), model, 4, 0.05);
    try (Checkpoint base = Checkpoint.open(model);
        Kernels kernels = backend.newKernels()) {
      Checkpoint merged = LoraAdapter.open(adapter, base).merge(base);
      assertTrue(merged.weightBytes() > 1.3 * base.weightBytes());
      long[] last = {0};
      LoadProgress progress =
          (done, total) -> {
            assertTrue(done > last[0] && done <= total, "progress goes up to the total");
            assertEquals(merged.weightBytes(), total);
            last[0] = done;
          };
      new WeightLoader(merged, kernels, progress).load(64).close();
      assertEquals(merged.weightBytes(), last[0]);
    }
  }

  /** What the loader took from the device. */
  private static Collection<AutoCloseable> taken(WeightLoader loader) throws Exception {
    Field field = WeightLoader.class.getDeclaredField("taken");
    field.setAccessible(true);
    Collection<?> taken = (Collection<?>) field.get(loader);
    return taken.stream().map(AutoCloseable.class::cast).toList();
  }
}
