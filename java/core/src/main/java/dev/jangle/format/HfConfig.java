package dev.jangle.format;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;

/**
 * Reads {@code config.json} and {@code generation_config.json}. Absent keys mean what they mean to
 * transformers, save that sizes must be stated.
 */
final class HfConfig {
  /** Keys that change what is computed, and that Jangle does not compute. */
  private static final List<String> REFUSED =
      List.of(
          "attention_multiplier",
          "attn_logit_softcapping",
          "embedding_multiplier",
          "final_logit_softcapping",
          "logit_scale",
          "logits_scaling",
          "no_rope_layers",
          "quantization_config",
          "residual_multiplier");

  /** Keys of mixtures of experts. */
  private static final List<String> EXPERTS =
      List.of(
          "moe_intermediate_size",
          "n_routed_experts",
          "num_experts",
          "num_experts_per_tok",
          "num_local_experts");

  private final Json json;
  private final String architecture;

  private HfConfig(Json json) {
    this.json = json;
    this.architecture = json.string("model_type", "");
  }

  static ModelConfig read(Path folder) throws IOException {
    Json json = Json.read(folder.resolve("config.json"));
    Path generation = folder.resolve("generation_config.json");
    Json generationJson = Files.exists(generation) ? Json.read(generation) : null;
    try {
      return new HfConfig(json).read(generationJson);
    } catch (IllegalArgumentException e) {
      throw new FormatException(json.path(), e.getMessage(), e);
    }
  }

  private ModelConfig read(Json generation) {
    refuse();
    int hidden = json.integer("hidden_size");
    int heads = json.integer("num_attention_heads");
    int context = json.integer("max_position_embeddings");
    checkSlidingWindow(context);
    HfRope rope = HfRope.read(json, context);
    int vocabSize = json.integer("vocab_size");
    return new ModelConfig(
        architecture,
        hidden,
        json.integer("intermediate_size"),
        json.integer("num_hidden_layers"),
        heads,
        kvHeads(heads),
        headDim(hidden, heads),
        vocabSize,
        context,
        (float) json.number("rms_norm_eps", 1e-6),
        rope.theta(),
        rope.scaling(),
        json.bool("tie_word_embeddings", false),
        architecture.equals("qwen2") || attentionBias(),
        architecture.equals("qwen3"),
        bosTokenId(),
        eosTokenIds(generation, vocabSize));
  }

  private void refuse() {
    if (!ModelConfig.ARCHITECTURES.contains(architecture)) {
      throw json.wrong(
          "model_type", "is \"" + architecture + "\"; supported: " + ModelConfig.ARCHITECTURES);
    }
    for (String key : REFUSED) {
      if (json.has(key)) {
        throw json.wrong(key, "asks for something that Jangle does not support; use another model");
      }
    }
    for (String key : EXPERTS) {
      if (json.has(key)) {
        throw json.wrong(key, "belongs to a mixture of experts, which is not supported");
      }
    }
    String activation = json.string("hidden_act", "silu");
    if (!activation.equals("silu")) {
      throw json.wrong("hidden_act", "is " + activation + "; supported: silu");
    }
    if (json.bool("mlp_bias", false)) {
      throw json.wrong("mlp_bias", "is true; biases of the MLP are not supported");
    }
  }

  /** Mistral and Qwen2 do not have the switch. */
  private boolean attentionBias() {
    return (architecture.equals("llama") || architecture.equals("qwen3"))
        && json.bool("attention_bias", false);
  }

  private void checkSlidingWindow(int context) {
    for (String type : json.strings("layer_types")) {
      if (!type.equals("full_attention")) {
        throw json.wrong("layer_types", "has " + type + "; supported: full_attention");
      }
    }
    if (architecture.startsWith("qwen")) {
      if (json.bool("use_sliding_window", false)) {
        throw json.wrong("use_sliding_window", "is true; sliding windows are not supported");
      }
      return;
    }
    boolean byDefault = architecture.equals("mistral") && !json.mentions("sliding_window");
    int window = byDefault ? 4096 : json.integer("sliding_window", context);
    if (window < context) {
      throw json.wrong(
          "sliding_window",
          "is "
              + window
              + (byDefault ? " by default" : "")
              + ", less than the context of "
              + context
              + "; sliding window attention is not supported. Set it to null if the model was"
              + " trained without, or max_position_embeddings to "
              + window);
    }
  }

  private int kvHeads(int heads) {
    String key = "num_key_value_heads";
    if (!json.mentions(key) && !architecture.equals("llama")) {
      throw json.wrong(key, "is missing, expected an integer");
    }
    return json.integer(key, heads);
  }

  private int headDim(int hidden, int heads) {
    if (json.has("head_dim")) {
      return json.integer("head_dim");
    }
    if (architecture.equals("qwen3") && !json.mentions("head_dim")) {
      return 128;
    }
    if (heads < 1 || hidden % heads != 0) {
      throw json.wrong("num_attention_heads", "is " + heads + ", not a divisor of " + hidden);
    }
    return hidden / heads;
  }

  /** Llama and Mistral have defaults where a key is not mentioned. */
  private OptionalInt bosTokenId() {
    if (json.has("bos_token_id")) {
      return OptionalInt.of(json.integer("bos_token_id"));
    }
    boolean byDefault = !architecture.startsWith("qwen") && !json.mentions("bos_token_id");
    return byDefault ? OptionalInt.of(1) : OptionalInt.empty();
  }

  private Set<Integer> eosTokenIds(Json generation, int vocabSize) {
    Set<Integer> ids = new TreeSet<>();
    for (int id : json.integers("eos_token_id")) {
      ids.add(id);
    }
    if (generation != null) {
      for (int id : generation.integers("eos_token_id")) {
        if (id < 0 || id >= vocabSize) {
          throw generation.wrong(
              "eos_token_id",
              "is " + id + ", expected 0 or more, below config.json's vocab_size of " + vocabSize);
        }
        ids.add(id);
      }
    }
    if (ids.isEmpty() && !architecture.startsWith("qwen") && !json.mentions("eos_token_id")) {
      ids.add(2);
    }
    return ids;
  }
}
