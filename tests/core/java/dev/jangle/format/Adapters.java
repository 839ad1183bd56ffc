package dev.jangle.format;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Random adapters. */
public final class Adapters {
  /** All linear layers of a block. */
  public static final List<String> ALL =
      List.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj");

  private Adapters() {}

  /** The factors of these modules in every layer, by PEFT's names, around a size. */
  public static Map<String, float[]> random(
      Checkpoint base, int rank, List<String> modules, double size) {
    Random random = new Random(base.config().hiddenSize() + rank);
    Map<String, float[]> factors = new LinkedHashMap<>();
    for (String name : base.names()) {
      String module = name.replaceFirst(".*\\.([a-z_]+)\\.weight", "$1");
      if (modules.contains(module)) {
        String prefix = "base_model.model." + name.substring(0, name.length() - 7);
        long[] shape = base.shape(name);
        factors.put(prefix + ".lora_A.weight", gaussian(random, rank * shape[1], 1));
        factors.put(prefix + ".lora_B.weight", gaussian(random, shape[0] * rank, size));
      }
    }
    return factors;
  }

  private static float[] gaussian(Random random, long n, double deviation) {
    float[] values = new float[(int) n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }

  /** Writes an adapter of all linear layers, with strength 2, as float32. */
  public static Path write(Path folder, Path model, int rank, double size) {
    try (Checkpoint base = Checkpoint.open(model)) {
      LoraConfig config = new LoraConfig(rank, 2 * rank, false, ALL, "tiny");
      LoraAdapter.write(folder, config, DType.F32, random(base, rank, ALL, size));
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
