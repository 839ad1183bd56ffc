package dev.jangle.model;

import dev.jangle.LoadProgress;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.backend.PackedWeight;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.ModelConfig;
import dev.jangle.format.Tensor;
import dev.jangle.format.TensorFloats;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads a checkpoint's tensors and packs them. That all of them are there, in the configuration's
 * shapes, is what an open {@link Checkpoint} promises. What was taken is given back when anything
 * fails.
 */
final class WeightLoader {
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
    PackedWeight embedding = pack(List.of(checkpoint.tensor("model.embed_tokens.weight")));
    Weights.Layer[] layers = new Weights.Layer[config.layers()];
    for (int i = 0; i < layers.length; i++) {
      String layer = "model.layers." + i + ".";
      String attention = layer + "self_attn.";
      layers[i] =
          new Weights.Layer(
              vector(layer + "input_layernorm.weight"),
              linear(
                  config.qkvBias(),
                  attention + "q_proj",
                  attention + "k_proj",
                  attention + "v_proj"),
              config.qkNorm() ? vector(attention + "q_norm.weight") : null,
              config.qkNorm() ? vector(attention + "k_norm.weight") : null,
              linear(false, attention + "o_proj"),
              vector(layer + "post_attention_layernorm.weight"),
              linear(false, layer + "mlp.gate_proj", layer + "mlp.up_proj"),
              linear(false, layer + "mlp.down_proj"));
    }
    DeviceBuffer norm = vector("model.norm.weight");
    Linear head =
        config.tiedEmbeddings()
            ? new Linear(List.of(new Linear.Part(embedding, 0, null)))
            : linear(false, "lm_head");
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
  private Linear linear(boolean bias, String... names) {
    List<Tensor> tensors =
        Arrays.stream(names).map(name -> checkpoint.tensor(name + ".weight")).toList();
    List<Linear.Part> parts = new ArrayList<>();
    long column = 0;
    for (int i = 0; i < names.length; ) {
      int next = i + 1;
      while (next < names.length && tensors.get(next).dtype() == tensors.get(i).dtype()) {
        next++;
      }
      PackedWeight weight = pack(tensors.subList(i, next));
      parts.add(
          new Linear.Part(weight, column, bias ? bias(Arrays.copyOfRange(names, i, next)) : null));
      column += weight.n();
      i = next;
    }
    return new Linear(parts);
  }

  private DeviceBuffer bias(String... names) {
    float[][] parts = new float[names.length][];
    int n = 0;
    for (int i = 0; i < parts.length; i++) {
      parts[i] = floats(names[i] + ".bias");
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

  /** Matrices of one format and one number of inputs, one below the other. */
  private PackedWeight pack(List<Tensor> tensors) {
    Tensor first = tensors.get(0);
    long n = tensors.stream().mapToLong(Tensor::rows).sum();
    PackedWeight weight = keep(kernels.newWeight(first.dtype(), n, first.cols()));
    long row = 0;
    for (Tensor tensor : tensors) {
      kernels.pack(weight, row, tensor.rows(), tensor.data());
      row += tensor.rows();
      advance(tensor);
    }
    return weight;
  }

  private DeviceBuffer vector(String name) {
    return keep(kernels.upload(floats(name)));
  }

  private float[] floats(String name) {
    Tensor tensor = checkpoint.tensor(name);
    float[] values = TensorFloats.of(tensor);
    advance(tensor);
    return values;
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
      } catch (RuntimeException e) {
        throw e; // of a lost device, whose text says so
      } catch (Exception e) {
        throw new IllegalStateException("cannot give back what a failed load took", e);
      }
    }
  }
}
