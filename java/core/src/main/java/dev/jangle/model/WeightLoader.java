package dev.jangle.model;

import dev.jangle.LoadProgress;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.PackedWeight;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.FormatException;
import dev.jangle.format.ModelConfig;
import dev.jangle.format.Tensor;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads a checkpoint's tensors, checks their shapes against the configuration, and packs them. What
 * was taken is given back when anything fails.
 */
final class WeightLoader {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Checkpoint checkpoint;
  private final ModelConfig config;
  private final Kernels kernels;
  private final LoadProgress progress;
  private final ArrayDeque<AutoCloseable> taken = new ArrayDeque<>();
  private final long totalBytes;
  private long doneBytes;

  WeightLoader(Checkpoint checkpoint, Kernels kernels, LoadProgress progress) {
    this.checkpoint = checkpoint;
    this.config = checkpoint.config();
    this.kernels = kernels;
    this.progress = progress;
    this.totalBytes = checkpoint.weightBytes();
  }

  Weights load(int positions) {
    boolean whole = false;
    try {
      Weights weights = loadAll(positions);
      whole = true;
      return weights;
    } finally {
      if (!whole) {
        releaseAll();
      }
    }
  }

  private Weights loadAll(int positions) {
    long hidden = config.hiddenSize();
    long queries = (long) config.heads() * config.headDim();
    long keys = (long) config.kvHeads() * config.headDim();
    long inner = config.intermediateSize();
    PackedWeight embedding =
        pack(config.vocabSize(), hidden, List.of(tensor("model.embed_tokens.weight")));
    Weights.Layer[] layers = new Weights.Layer[config.layers()];
    for (int i = 0; i < layers.length; i++) {
      String layer = "model.layers." + i + ".";
      String attention = layer + "self_attn.";
      layers[i] =
          new Weights.Layer(
              vector(layer + "input_layernorm.weight", hidden),
              linear(
                  hidden,
                  config.qkvBias(),
                  List.of(attention + "q_proj", attention + "k_proj", attention + "v_proj"),
                  new long[] {queries, keys, keys}),
              config.qkNorm() ? vector(attention + "q_norm.weight", config.headDim()) : null,
              config.qkNorm() ? vector(attention + "k_norm.weight", config.headDim()) : null,
              linear(queries, false, List.of(attention + "o_proj"), new long[] {hidden}),
              vector(layer + "post_attention_layernorm.weight", hidden),
              linear(
                  hidden,
                  false,
                  List.of(layer + "mlp.gate_proj", layer + "mlp.up_proj"),
                  new long[] {inner, inner}),
              linear(inner, false, List.of(layer + "mlp.down_proj"), new long[] {hidden}));
    }
    DeviceBuffer norm = vector("model.norm.weight", hidden);
    Linear head =
        config.tiedEmbeddings()
            ? new Linear(List.of(new Linear.Part(embedding, 0, null)))
            : linear(hidden, false, List.of("lm_head"), new long[] {config.vocabSize()});
    float[] table = RopeTable.of(config, positions);
    DeviceBuffer rope = keep(kernels.upload(table));
    return new Weights(
        embedding,
        layers,
        norm,
        head,
        config.tiedEmbeddings(),
        Matrix.of(rope, positions, config.headDim()));
  }

  /** Matrices of one input; those of one format that stand together become one weight. */
  private Linear linear(long k, boolean bias, List<String> names, long[] outputs) {
    List<Linear.Part> parts = new ArrayList<>();
    long column = 0;
    for (int i = 0; i < names.size(); ) {
      Tensor first = matrix(names.get(i), outputs[i], k);
      List<Tensor> group = new ArrayList<>(List.of(first));
      long n = outputs[i];
      int next = i + 1;
      while (next < names.size()) {
        Tensor tensor = matrix(names.get(next), outputs[next], k);
        if (tensor.dtype() != first.dtype()) {
          break;
        }
        group.add(tensor);
        n += outputs[next++];
      }
      PackedWeight weight = pack(n, k, group);
      parts.add(
          new Linear.Part(weight, column, bias ? bias(names.subList(i, next), outputs, i) : null));
      column += n;
      i = next;
    }
    return new Linear(parts);
  }

  private DeviceBuffer bias(List<String> names, long[] outputs, int first) {
    float[][] parts = new float[names.size()][];
    int n = 0;
    for (int i = 0; i < parts.length; i++) {
      parts[i] = floats(names.get(i) + ".bias", outputs[first + i]);
      n += parts[i].length;
    }
    float[] all = new float[n];
    int offset = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, offset, part.length);
      offset += part.length;
    }
    return keep(kernels.upload(all));
  }

  private PackedWeight pack(long n, long k, List<Tensor> tensors) {
    PackedWeight weight = keep(kernels.newWeight(tensors.get(0).dtype(), n, k));
    long row = 0;
    for (Tensor tensor : tensors) {
      requireShape(tensor, tensor.rows(), k);
      kernels.pack(weight, row, tensor.rows(), tensor.data());
      row += tensor.rows();
      advance(tensor);
    }
    if (row != n) {
      throw new FormatException(
          checkpoint.path(), tensors.get(0).name() + " has " + row + " rows; expected " + n);
    }
    return weight;
  }

  private Tensor matrix(String name, long n, long k) {
    Tensor tensor = tensor(name + ".weight");
    requireShape(tensor, n, k);
    return tensor;
  }

  private DeviceBuffer vector(String name, long n) {
    return keep(kernels.upload(floats(name, n)));
  }

  private float[] floats(String name, long n) {
    Tensor tensor = tensor(name);
    if (tensor.elements() != n) {
      throw new FormatException(
          checkpoint.path(),
          "%s has %d elements; the configuration says %d".formatted(name, tensor.elements(), n));
    }
    float[] values = new float[(int) n];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (tensor.dtype()) {
            case F32 -> tensor.data().get(FLOAT, 4L * i);
            case F16 -> Float.float16ToFloat(tensor.data().get(SHORT, 2L * i));
            case BF16 -> Float.intBitsToFloat(tensor.data().get(SHORT, 2L * i) << 16);
            case Q8_0, Q4_0, Q4_1 ->
                throw new FormatException(
                    checkpoint.path(),
                    "%s is %s; expected F32, F16 or BF16 for a vector"
                        .formatted(name, tensor.dtype()));
          };
    }
    advance(tensor);
    return values;
  }

  private Tensor tensor(String name) {
    return checkpoint.tensor(name);
  }

  private void requireShape(Tensor tensor, long n, long k) {
    if (tensor.shape().length != 2 || tensor.rows() != n || tensor.cols() != k) {
      throw new FormatException(
          checkpoint.path(),
          "%s has shape %s; the configuration says [%d, %d]"
              .formatted(tensor.name(), Arrays.toString(tensor.shape()), n, k));
    }
    if (tensor.dtype().blockElements() > 1 && k % tensor.dtype().blockElements() != 0) {
      throw new FormatException(
          checkpoint.path(),
          "%s is %s with rows of %d, which is not a whole number of blocks"
              .formatted(tensor.name(), tensor.dtype(), k));
    }
  }

  private void advance(Tensor tensor) {
    doneBytes += tensor.data().byteSize();
    progress.update(Math.min(doneBytes, totalBytes), totalBytes);
  }

  private <T extends AutoCloseable> T keep(T resource) {
    taken.push(resource);
    return resource;
  }

  private void releaseAll() {
    for (AutoCloseable resource : taken) {
      try {
        resource.close();
      } catch (Exception e) {
        throw new IllegalStateException("cannot give back what a failed load took", e);
      }
    }
  }
}
