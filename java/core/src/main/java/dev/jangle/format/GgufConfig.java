package dev.jangle.format;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/** Reads the configuration from a GGUF file's keys, which mean what they mean to llama.cpp. */
final class GgufConfig {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final List<String> ARCHITECTURES = List.of("llama", "qwen2", "qwen3");

  /** Keys below the architecture that change what is computed, and that Jangle does not compute. */
  private static final List<String> REFUSED =
      List.of(
          "attention.clamp_kqv",
          "attention.max_alibi_bias",
          "attention.scale",
          "attn_logit_softcapping",
          "embedding_scale",
          "expert_count",
          "final_logit_softcapping",
          "leading_dense_block_count",
          "logit_scale",
          "residual_scale",
          "rope.scaling.yarn_log_multiplier");

  private final GgufMetadata metadata;
  private final String architecture;
  private final Map<String, Tensor> tensors;
  private final Tensor ropeFactors;

  private GgufConfig(GgufMetadata metadata, Map<String, Tensor> tensors, Tensor ropeFactors) {
    this.metadata = metadata;
    this.architecture = metadata.string("general.architecture");
    this.tensors = tensors;
    this.ropeFactors = ropeFactors;
  }

  /** Refuses what is not a supported model at all, before its tensors are looked at. */
  static void checkKind(GgufMetadata metadata) {
    String architecture = metadata.string("general.architecture");
    if (!ARCHITECTURES.contains(architecture)) {
      throw metadata.wrong(
          "general.architecture", "is " + architecture + "; supported: " + ARCHITECTURES);
    }
    String type = metadata.string("general.type", "model");
    if (!type.equals("model")) {
      throw metadata.wrong("general.type", "is " + type + ", expected model");
    }
    if (metadata.u32("split.count", 1) > 1) {
      throw metadata.wrong(
          "split.count",
          "is "
              + metadata.u32("split.count")
              + ": the model is split over several files; join them with"
              + " `llama-gguf-split --merge`");
    }
  }

  /**
   * @param tensors by Hugging Face's name
   * @param ropeFactors the tensor rope_freqs.weight, or null
   */
  static ModelConfig read(GgufMetadata metadata, Map<String, Tensor> tensors, Tensor ropeFactors) {
    try {
      return new GgufConfig(metadata, tensors, ropeFactors).read();
    } catch (IllegalArgumentException e) {
      throw new FormatException(metadata.path(), e.getMessage(), e);
    }
  }

  private ModelConfig read() {
    refuse();
    int hidden = size("embedding_length");
    int heads = size("attention.head_count");
    int kvHeads = has("attention.head_count_kv") ? size("attention.head_count_kv") : heads;
    int headDim = headDim(hidden, heads);
    int context = size("context_length");
    checkSlidingWindow(context);
    return new ModelConfig(
        architecture,
        hidden,
        size("feed_forward_length"),
        size("block_count"),
        heads,
        kvHeads,
        headDim,
        vocabSize(),
        context,
        metadata.f32(key("attention.layer_norm_rms_epsilon")),
        metadata.f32(key("rope.freq_base"), 10000),
        ropeScaling(context),
        !tensors.containsKey("lm_head.weight"),
        architecture.equals("qwen2") || tensors.containsKey("model.layers.0.self_attn.q_proj.bias"),
        architecture.equals("qwen3"),
        metadata.has("tokenizer.ggml.bos_token_id")
            ? OptionalInt.of(tokenId("tokenizer.ggml.bos_token_id"))
            : OptionalInt.empty(),
        eosTokenIds());
  }

  private void refuse() {
    for (String name : REFUSED) {
      if (has(name) && !(name.equals("expert_count") && metadata.u32(key(name)) == 0)) {
        throw metadata.wrong(key(name), "asks for something that Jangle does not support");
      }
    }
    if (!metadata.bool(key("attention.causal"), true)) {
      throw metadata.wrong(key("attention.causal"), "is false; only causal models are supported");
    }
    boolean quantized = tensors.values().stream().anyMatch(tensor -> tensor.dtype().quantized());
    long version = metadata.u32("general.quantization_version", 2);
    if (quantized && version != 2) {
      throw metadata.wrong(
          "general.quantization_version", "is " + version + ", expected 2; quantise again");
    }
  }

  private void checkSlidingWindow(int context) {
    String name = "attention.sliding_window";
    if (has(name) && metadata.u32(key(name)) != 0 && metadata.u32(key(name)) < context) {
      throw metadata.wrong(
          key(name),
          "is "
              + metadata.u32(key(name))
              + ", less than the context of "
              + context
              + "; sliding window attention is not supported");
    }
  }

  private int headDim(int hidden, int heads) {
    if (heads < 1 || (!has("attention.key_length") && hidden % heads != 0)) {
      throw metadata.wrong(
          key("attention.head_count"), "is " + heads + ", not a divisor of " + hidden);
    }
    int headDim = has("attention.key_length") ? size("attention.key_length") : hidden / heads;
    for (String name : List.of("attention.value_length", "rope.dimension_count")) {
      if (has(name) && size(name) != headDim) {
        throw metadata.wrong(
            key(name), "is " + size(name) + ", expected the key's length " + headDim);
      }
    }
    return headDim;
  }

  private int vocabSize() {
    Tensor embedding = tensors.get("model.embed_tokens.weight");
    if (embedding == null) {
      throw new FormatException(metadata.path(), "has no tensor token_embd.weight");
    }
    if (has("vocab_size") && metadata.u32(key("vocab_size")) != embedding.rows()) {
      throw metadata.wrong(
          key("vocab_size"),
          "is "
              + metadata.u32(key("vocab_size"))
              + ", token_embd.weight has "
              + embedding.rows()
              + " rows");
    }
    return (int) Math.min(embedding.rows(), Integer.MAX_VALUE);
  }

  private RopeScaling ropeScaling(int context) {
    float factor =
        metadata.f32(key("rope.scaling.factor"), metadata.f32(key("rope.scale_linear"), 0));
    String type = metadata.string(key("rope.scaling.type"), factor == 0 ? "none" : "linear");
    boolean unscaled = type.equals("none") || (type.equals("linear") && factor == 0);
    if (ropeFactors != null) {
      if (!unscaled) {
        throw metadata.wrong(
            key("rope.scaling.type"),
            "is " + type + " beside the tensor rope_freqs.weight; only one of them is supported");
      }
      return factors();
    }
    if (unscaled) {
      return new RopeScaling.None();
    }
    return switch (type) {
      case "linear" -> new RopeScaling.Linear(factor);
      case "yarn" -> yarn(factor, context);
      default ->
          throw metadata.wrong(
              key("rope.scaling.type"), "is " + type + "; supported: none, linear, yarn");
    };
  }

  private RopeScaling yarn(float factor, int context) {
    String ext = key("rope.scaling.yarn_ext_factor");
    if (metadata.f32(ext, 1) != 1) {
      throw metadata.wrong(ext, "is " + metadata.f32(ext) + "; only 1 is supported");
    }
    double scale =
        (double) metadata.f32(key("rope.scaling.attn_factor"), 1)
            * metadata.f32(key("rope.scaling.yarn_attn_factor"), 1);
    return new RopeScaling.Yarn(
        factor,
        has("rope.scaling.original_context_length")
            ? size("rope.scaling.original_context_length")
            : context,
        metadata.f32(key("rope.scaling.yarn_beta_fast"), 32),
        metadata.f32(key("rope.scaling.yarn_beta_slow"), 1),
        scale * RopeScaling.Yarn.defaultAttentionFactor(factor, 0, 0),
        true);
  }

  private RopeScaling factors() {
    if (ropeFactors.dtype() != DType.F32 || ropeFactors.elements() > 1 << 12) {
      throw new FormatException(
          metadata.path(), "tensor " + ropeFactors + ": expected F32 of headDim / 2 elements");
    }
    float[] divisors = new float[(int) ropeFactors.elements()];
    for (int j = 0; j < divisors.length; j++) {
      divisors[j] = ropeFactors.data().getAtIndex(FLOAT, j);
    }
    return new RopeScaling.Factors(divisors);
  }

  private Set<Integer> eosTokenIds() {
    Set<Integer> ids = new TreeSet<>();
    for (String name : List.of("eos", "eot", "eom")) {
      String key = "tokenizer.ggml." + name + "_token_id";
      if (metadata.has(key)) {
        ids.add(tokenId(key));
      }
    }
    return ids;
  }

  private int tokenId(String key) {
    long id = metadata.u32(key);
    if (id > Integer.MAX_VALUE) {
      throw metadata.wrong(key, "is " + id + ", which is no token id");
    }
    return (int) id;
  }

  private String key(String name) {
    return architecture + "." + name;
  }

  private boolean has(String name) {
    return metadata.has(key(name));
  }

  /** A size; where the file has one per layer, they must be the same. */
  private int size(String name) {
    String key = key(name);
    if (metadata.isArray(key)) {
      int[] sizes = metadata.ints(key);
      for (int size : sizes) {
        if (size != sizes[0]) {
          throw metadata.wrong(key, "differs between layers, which is not supported");
        }
      }
      if (sizes.length == 0) {
        throw metadata.wrong(key, "is an empty array");
      }
      return sizes[0];
    }
    long size = metadata.u32(key);
    if (size > Integer.MAX_VALUE) {
      throw metadata.wrong(key, "is " + size + ", expected at most 2^31 - 1");
    }
    return (int) size;
  }
}
