package dev.jangle.format;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * Makes {@code config.json} and {@code generation_config.json}: those of a Hugging Face folder with
 * another type of weights, or new ones that say what a GGUF file's configuration says, in keys that
 * transformers 4 and 5 read.
 */
final class HfConfigWriter {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final Map<String, String> CLASSES =
      Map.of(
          "llama", "LlamaForCausalLM",
          "mistral", "MistralForCausalLM",
          "qwen2", "Qwen2ForCausalLM",
          "qwen3", "Qwen3ForCausalLM");

  /** Llama 3's parameters; only the original context is another in any model. */
  private static final double LOW_FREQUENCY = 1;

  private static final double HIGH_FREQUENCY = 4;

  /** Relative; divisors are stored as float32. */
  private static final double SAME = 1e-5;

  private HfConfigWriter() {}

  /** The text of {@code config.json}. */
  static String config(Checkpoint model, DType format) throws IOException {
    String type = format == DType.F32 ? "float32" : "bfloat16";
    if (model.tokenizer() instanceof TokenizerSource.HuggingFace source) {
      ObjectNode json =
          (ObjectNode) MAPPER.readTree(source.folder().resolve("config.json").toFile());
      return text(json.put(json.has("dtype") ? "dtype" : "torch_dtype", type));
    }
    return text(made(model).put("torch_dtype", type));
  }

  /** The text of {@code generation_config.json}, or null where there is nothing to say. */
  static String generation(Checkpoint model) throws IOException {
    if (model.tokenizer() instanceof TokenizerSource.HuggingFace source) {
      Path file = source.folder().resolve("generation_config.json");
      return Files.exists(file) ? Files.readString(file) : null;
    }
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    tokens(json, model.config());
    return json.isEmpty() ? null : text(json);
  }

  private static String text(JsonNode json) {
    return json.toPrettyString() + "\n";
  }

  private static ObjectNode made(Checkpoint model) {
    ModelConfig config = model.config();
    String architecture = config.architecture();
    boolean qwen2 = architecture.equals("qwen2");
    if (config.qkvBias() && !qwen2) {
      throw new FormatException(
          model.path(),
          "has biases of q, k and v in a "
              + architecture
              + " model, for which config.json has no"
              + " form");
    }
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.putArray("architectures").add(CLASSES.get(architecture));
    json.put("model_type", architecture)
        .put("hidden_act", "silu")
        .put("hidden_size", config.hiddenSize())
        .put("intermediate_size", config.intermediateSize())
        .put("num_hidden_layers", config.layers())
        .put("num_attention_heads", config.heads())
        .put("num_key_value_heads", config.kvHeads())
        .put("head_dim", config.headDim())
        .put("vocab_size", config.vocabSize())
        .put("max_position_embeddings", config.contextLength())
        .put("rms_norm_eps", shortest(config.rmsNormEps()))
        .put("rope_theta", config.ropeTheta())
        .put("tie_word_embeddings", config.tiedEmbeddings());
    if (!qwen2) {
      json.put("attention_bias", false);
    }
    ObjectNode scaling = scaling(model);
    if (scaling != null) {
      json.set("rope_scaling", scaling);
    }
    tokens(json, config);
    return json;
  }

  /** The double that reads like the float: 1e-5, not 9.999999747378752e-6. */
  private static double shortest(float value) {
    return Double.parseDouble(Float.toString(value));
  }

  private static void tokens(ObjectNode json, ModelConfig config) {
    config.bosTokenId().ifPresent(id -> json.put("bos_token_id", id));
    Set<Integer> ends = config.eosTokenIds();
    if (ends.size() == 1) {
      json.put("eos_token_id", ends.iterator().next());
    } else if (!ends.isEmpty()) {
      ends.forEach(json.putArray("eos_token_id")::add);
    }
  }

  private static ObjectNode scaling(Checkpoint model) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    return switch (model.config().ropeScaling()) {
      case RopeScaling.None _ -> null;
      case RopeScaling.Linear linear ->
          json.put("rope_type", "linear").put("factor", linear.factor());
      case RopeScaling.Llama3 llama3 -> llama3(json, llama3);
      case RopeScaling.Yarn yarn ->
          json.put("rope_type", "yarn")
              .put("factor", yarn.factor())
              .put("original_max_position_embeddings", yarn.originalContext())
              .put("beta_fast", yarn.betaFast())
              .put("beta_slow", yarn.betaSlow())
              .put("attention_factor", yarn.attentionFactor())
              .put("truncate", yarn.truncate());
      case RopeScaling.Factors factors -> llama3(json, llama3(model, factors));
    };
  }

  private static ObjectNode llama3(ObjectNode json, RopeScaling.Llama3 llama3) {
    return json.put("rope_type", "llama3")
        .put("factor", llama3.factor())
        .put("low_freq_factor", llama3.lowFreqFactor())
        .put("high_freq_factor", llama3.highFreqFactor())
        .put("original_max_position_embeddings", llama3.originalContext());
  }

  /** Llama 3's scaling that divides the frequencies so. */
  private static RopeScaling.Llama3 llama3(Checkpoint model, RopeScaling.Factors factors) {
    ModelConfig config = model.config();
    double factor = 1;
    for (float divisor : factors.divisors()) {
      factor = Math.max(factor, divisor);
    }
    double[] wanted = factors.inverseFrequencies(config.ropeTheta(), config.headDim());
    for (int original = 1; original <= config.contextLength(); original++) {
      var trial = new RopeScaling.Llama3(factor, LOW_FREQUENCY, HIGH_FREQUENCY, original);
      if (same(wanted, trial.inverseFrequencies(config.ropeTheta(), config.headDim()))) {
        return trial;
      }
    }
    throw new FormatException(
        model.path(),
        "has factors of its rotary frequencies (rope_freqs.weight) that are not Llama 3's, for"
            + " which config.json has no form");
  }

  private static boolean same(double[] wanted, double[] found) {
    for (int j = 0; j < wanted.length; j++) {
      if (!(Math.abs(wanted[j] - found[j]) <= SAME * wanted[j])) {
        return false;
      }
    }
    return true;
  }
}
