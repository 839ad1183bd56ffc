package dev.jangle.format;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The tensors of a LLaMA-family model: all of them must be there in their shape, and no others.
 * What a layer has depends on {@link ModelConfig#qkvBias} and {@link ModelConfig#qkNorm}.
 */
final class ModelLayout {
  private final Path path;
  private final ModelConfig config;
  private final Map<String, Tensor> tensors;
  private final Set<String> expected = new HashSet<>();

  private ModelLayout(Path path, ModelConfig config, Map<String, Tensor> tensors) {
    this.path = path;
    this.config = config;
    this.tensors = tensors;
  }

  /** Throws {@link FormatException} unless tensors and configuration agree. */
  static void check(Path path, ModelConfig config, Map<String, Tensor> tensors) {
    new ModelLayout(path, config, tensors).check();
  }

  private void check() {
    long hidden = config.hiddenSize();
    matrix("model.embed_tokens.weight", config.vocabSize(), hidden);
    if (!config.tiedEmbeddings() || tensors.containsKey("lm_head.weight")) {
      matrix("lm_head.weight", config.vocabSize(), hidden);
    }
    vector("model.norm.weight", hidden);
    for (int layer = 0; layer < config.layers(); layer++) {
      layer("model.layers." + layer + ".");
    }
    for (String name : tensors.keySet()) {
      if (!expected.contains(name)) {
        throw new FormatException(path, "tensor " + name + " " + unexpected(name));
      }
    }
  }

  private void layer(String prefix) {
    long hidden = config.hiddenSize();
    long queries = (long) config.heads() * config.headDim();
    long keys = (long) config.kvHeads() * config.headDim();
    vector(prefix + "input_layernorm.weight", hidden);
    vector(prefix + "post_attention_layernorm.weight", hidden);
    projection(prefix + "self_attn.q_proj", queries);
    projection(prefix + "self_attn.k_proj", keys);
    projection(prefix + "self_attn.v_proj", keys);
    matrix(prefix + "self_attn.o_proj.weight", hidden, queries);
    if (config.qkNorm()) {
      vector(prefix + "self_attn.q_norm.weight", config.headDim());
      vector(prefix + "self_attn.k_norm.weight", config.headDim());
    }
    matrix(prefix + "mlp.gate_proj.weight", config.intermediateSize(), hidden);
    matrix(prefix + "mlp.up_proj.weight", config.intermediateSize(), hidden);
    matrix(prefix + "mlp.down_proj.weight", hidden, config.intermediateSize());
  }

  private void projection(String name, long rows) {
    matrix(name + ".weight", rows, config.hiddenSize());
    if (config.qkvBias()) {
      vector(name + ".bias", rows);
    }
  }

  private void matrix(String name, long... shape) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new FormatException(
          path,
          "has no tensor "
              + name
              + ", which its configuration asks for; the model is incomplete or its configuration"
              + " belongs to another");
    }
    if (!Arrays.equals(tensor.shape(), shape)) {
      throw new FormatException(
          path,
          "tensor "
              + name
              + " has shape "
              + Arrays.toString(tensor.shape())
              + ", expected "
              + Arrays.toString(shape)
              + " from the configuration");
    }
    expected.add(name);
  }

  private void vector(String name, long size) {
    matrix(name, size);
    DType dtype = tensors.get(name).dtype();
    if (dtype.quantized()) {
      throw new FormatException(
          path, "tensor " + name + " is " + dtype + "; norms and biases must be F32, F16 or BF16");
    }
  }

  private String unexpected(String name) {
    if (name.contains("experts") || name.contains("block_sparse_moe")) {
      return "belongs to a mixture of experts, which is not supported; use another model";
    }
    if (name.endsWith("q_proj.bias")
        || name.endsWith("k_proj.bias")
        || name.endsWith("v_proj.bias")) {
      return "is a bias that the configuration does not have (attention_bias is not true)";
    }
    if (name.endsWith(".bias")) {
      return "is a bias where Jangle supports none (q_proj, k_proj and v_proj may have one); use"
          + " another model";
    }
    return "is not part of a "
        + config.architecture()
        + " model of "
        + config.layers()
        + " layers; Jangle would have to ignore it";
  }
}
