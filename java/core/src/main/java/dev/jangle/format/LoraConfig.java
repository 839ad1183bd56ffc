package dev.jangle.format;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * What {@code adapter_config.json} says of a LoRA adapter: to each weight W of the model it adds
 * {@code scale() * B A}. Immutable.
 *
 * @param rank rows of each A and columns of each B
 * @param alpha the strength, {@code lora_alpha}
 * @param rankStabilized whether the strength is divided by the root of the rank, not by the rank
 * @param targets names of the modules that are adapted in every layer, such as {@code q_proj};
 *     empty where the file says it in another way
 * @param base what the adapter was trained on, as its maker called it; may be empty
 */
public record LoraConfig(
    int rank, double alpha, boolean rankStabilized, List<String> targets, String base) {
  /** Keys that do not change what a trained adapter adds. */
  private static final Set<String> IGNORED =
      Set.of(
          "auto_mapping",
          "base_model_name_or_path",
          "corda_config", // how it began; see init_lora_weights
          "ensure_weight_tying", // of modules_to_save
          "eva_config", // how it began
          "exclude_modules", // the tensors tell
          "inference_mode",
          "layers_pattern", // the tensors tell
          "layers_to_transform", // the tensors tell
          "lora_dropout",
          "megatron_core",
          "peft_version",
          "qalora_group_size", // of use_qalora
          "revision",
          "runtime_config");

  /** Keys that are read here. */
  private static final Set<String> KNOWN =
      Set.of(
          "bias",
          "init_lora_weights",
          "lora_alpha",
          "peft_type",
          "r",
          "target_modules",
          "task_type",
          "use_rslora");

  /** Beginnings that leave the base model as it was; others subtract from it. */
  private static final Set<String> PLAIN_BEGINNINGS =
      Set.of("true", "false", "gaussian", "eva", "orthogonal");

  private static final ObjectMapper MAPPER = new ObjectMapper();

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException where the rank is below 1 or the strength not finite
   */
  public LoraConfig {
    if (rank < 1) {
      throw new IllegalArgumentException("the rank is " + rank + ", expected at least 1");
    }
    if (!Double.isFinite(alpha)) {
      throw new IllegalArgumentException("alpha is " + alpha + ", expected a finite number");
    }
    targets = List.copyOf(targets);
  }

  /** What {@code B A} is multiplied with. */
  public float scale() {
    return (float) (alpha / (rankStabilized ? Math.sqrt(rank) : rank));
  }

  /**
   * Reads the file.
   *
   * @throws FormatException if it asks for something that Jangle does not compute
   */
  static LoraConfig read(Path file) throws IOException {
    Json json = Json.read(file);
    require(json, "peft_type", "LORA", "");
    require(json, "task_type", "CAUSAL_LM", "CAUSAL_LM");
    require(json, "bias", "none", "none");
    if (!PLAIN_BEGINNINGS.contains(json.text("init_lora_weights", "true"))) {
      throw json.wrong(
          "init_lora_weights",
          "is "
              + json.text("init_lora_weights", "")
              + ", which changes the base model; convert it to a plain LoRA adapter with PEFT"
              + " (path_initial_model_for_weight_conversion)");
    }
    for (String key : json.keys()) {
      if (!IGNORED.contains(key) && !KNOWN.contains(key) && json.asks(key)) {
        throw json.wrong(
            key, "is " + json.text(key, "an object or array") + ", which is not supported");
      }
    }
    if (!json.has("lora_alpha")) {
      throw json.wrong("lora_alpha", "is missing, expected a number");
    }
    try {
      return new LoraConfig(
          json.integer("r"),
          json.number("lora_alpha", 0),
          json.bool("use_rslora", false),
          targets(json),
          json.string("base_model_name_or_path", ""));
    } catch (IllegalArgumentException e) {
      throw new FormatException(file, e.getMessage(), e);
    }
  }

  private static List<String> targets(Json json) {
    boolean some = json.asks("layers_to_transform") || json.asks("exclude_modules");
    return some || json.isText("target_modules")
        ? List.of()
        : List.of(json.strings("target_modules"));
  }

  private static void require(Json json, String key, String expected, String missing) {
    String found = json.string(key, missing);
    if (!found.equals(expected)) {
      throw json.wrong(key, "is \"" + found + "\", which is not supported; supported: " + expected);
    }
  }

  /** The file's text, as PEFT reads it. */
  String json() {
    ObjectNode json = MAPPER.createObjectNode();
    json.put("base_model_name_or_path", base.isEmpty() ? null : base);
    json.put("bias", "none");
    json.put("fan_in_fan_out", false);
    json.put("inference_mode", true);
    json.put("init_lora_weights", true);
    if (alpha == Math.rint(alpha) && Math.abs(alpha) < 1 << 30) {
      json.put("lora_alpha", (int) alpha);
    } else {
      json.put("lora_alpha", alpha);
    }
    json.put("lora_dropout", 0.0);
    json.put("peft_type", "LORA");
    json.put("r", rank);
    targets.forEach(json.putArray("target_modules")::add);
    json.put("task_type", "CAUSAL_LM");
    json.put("use_dora", false);
    json.put("use_rslora", rankStabilized);
    return json.toPrettyString() + "\n";
  }
}
