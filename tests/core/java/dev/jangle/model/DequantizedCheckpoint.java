package dev.jangle.model;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.jangle.backend.reference.DequantizeReference;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.ModelConfig;
import dev.jangle.format.SafetensorsBytes;
import dev.jangle.format.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.StringJoiner;

/** Writes a model's weights as float32, one shard per tensor, into a Hugging Face folder. */
final class DequantizedCheckpoint {
  private DequantizedCheckpoint() {}

  static Path write(Checkpoint from, Path folder) throws IOException {
    StringJoiner index = new StringJoiner(",", "{\"metadata\":{},\"weight_map\":{", "}}");
    for (String name : from.names()) {
      String shard = "model-" + name + ".safetensors";
      Tensor tensor = from.tensor(name);
      new SafetensorsBytes()
          .tensor(name, "F32", tensor.shape(), float32(tensor))
          .write(folder.resolve(shard));
      index.add("\"%s\":\"%s\"".formatted(name, shard));
    }
    Files.writeString(folder.resolve("model.safetensors.index.json"), index.toString());
    Files.writeString(folder.resolve("config.json"), config(from.config()));
    return folder;
  }

  private static byte[] float32(Tensor tensor) {
    int n = (int) tensor.rows();
    int k = (int) tensor.cols();
    ByteBuffer out = ByteBuffer.allocate(4 * n * k).order(ByteOrder.LITTLE_ENDIAN);
    long rowBytes = tensor.dtype().bytes(k);
    for (int row = 0; row < n; row++) {
      byte[] bytes = tensor.data().asSlice(row * rowBytes, rowBytes).toArray(JAVA_BYTE);
      for (double value : DequantizeReference.exact(tensor.dtype(), bytes, 1, k)[0]) {
        out.putFloat((float) value);
      }
    }
    return out.array();
  }

  private static String config(ModelConfig config) {
    return """
    {"model_type": "%s", "hidden_act": "silu", "hidden_size": %d, "intermediate_size": %d,
    "num_hidden_layers": %d, "num_attention_heads": %d, "num_key_value_heads": %d,
    "head_dim": %d, "vocab_size": %d, "max_position_embeddings": %d, "rms_norm_eps": %s,
    "rope_theta": %s, "tie_word_embeddings": %s}
    """
        .formatted(
            config.architecture(),
            config.hiddenSize(),
            config.intermediateSize(),
            config.layers(),
            config.heads(),
            config.kvHeads(),
            config.headDim(),
            config.vocabSize(),
            config.contextLength(),
            config.rmsNormEps(),
            config.ropeTheta(),
            config.tiedEmbeddings());
  }
}
