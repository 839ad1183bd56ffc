package dev.jangle.format;

import java.util.Set;
import java.util.TreeSet;

/**
 * The rotary embedding of a {@code config.json}: {@code rope_theta} and {@code rope_scaling} as
 * transformers 4 writes them, or {@code rope_parameters} as version 5 does.
 */
record HfRope(double theta, RopeScaling scaling) {
  private static final double DEFAULT_THETA = 10_000;
  private static final String ORIGINAL_CONTEXT = "original_max_position_embeddings";

  /** What any of the supported types uses; transformers too ignores those of another type. */
  private static final Set<String> KEYS =
      Set.of(
          "attention_factor",
          "beta_fast",
          "beta_slow",
          "factor",
          "finetuned",
          "high_freq_factor",
          "low_freq_factor",
          "mscale",
          "mscale_all_dim",
          ORIGINAL_CONTEXT,
          "partial_rotary_factor",
          "rope_theta",
          "rope_type",
          "truncate",
          "type");

  /**
   * @param context max_position_embeddings
   */
  static HfRope read(Json config, int context) {
    checkWhole(config);
    // Where a file has both, both versions of transformers take rope_scaling.
    String key = config.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
    if (!config.has(key)) {
      return new HfRope(config.number("rope_theta", DEFAULT_THETA), new RopeScaling.None());
    }
    Json rope = config.object(key);
    for (String name : rope.keys()) {
      if (!KEYS.contains(name)) {
        throw rope.wrong(name, "is not supported; supported: " + new TreeSet<>(KEYS));
      }
    }
    checkWhole(rope);
    double outer = config.number("rope_theta", Double.NaN);
    double theta = rope.number("rope_theta", Double.isNaN(outer) ? DEFAULT_THETA : outer);
    if (!Double.isNaN(outer) && outer != theta) {
      throw rope.wrong("rope_theta", "is " + theta + ", but the outer rope_theta is " + outer);
    }
    return new HfRope(theta, scaling(config, rope, context));
  }

  private static RopeScaling scaling(Json config, Json rope, int context) {
    String type = rope.string("rope_type", rope.string("type", "default"));
    return switch (type) {
      case "default" -> new RopeScaling.None();
      case "linear" -> new RopeScaling.Linear(required(rope, "factor"));
      case "llama3" ->
          new RopeScaling.Llama3(
              required(rope, "factor"),
              required(rope, "low_freq_factor"),
              required(rope, "high_freq_factor"),
              originalContext(config, rope, context));
      case "yarn" -> yarn(rope, originalContext(config, rope, context));
      default ->
          throw rope.wrong(
              "rope_type", "is " + type + "; supported: default, linear, llama3, yarn");
    };
  }

  private static RopeScaling yarn(Json rope, int originalContext) {
    double factor = required(rope, "factor");
    double betaFast = rope.number("beta_fast", 0);
    double betaSlow = rope.number("beta_slow", 0);
    return new RopeScaling.Yarn(
        factor,
        originalContext,
        betaFast == 0 ? 32 : betaFast,
        betaSlow == 0 ? 1 : betaSlow,
        rope.number(
            "attention_factor",
            RopeScaling.Yarn.defaultAttentionFactor(
                factor, rope.number("mscale", 0), rope.number("mscale_all_dim", 0))),
        rope.bool("truncate", true));
  }

  /** The scaling's own value, else the configuration's, else the context. */
  private static int originalContext(Json config, Json rope, int context) {
    int outer = config.integer(ORIGINAL_CONTEXT, 0);
    int inner = rope.integer(ORIGINAL_CONTEXT, outer == 0 ? context : outer);
    if (outer != 0 && outer != inner) {
      throw rope.wrong(ORIGINAL_CONTEXT, "is " + inner + ", but the outer one is " + outer);
    }
    return inner;
  }

  private static double required(Json rope, String key) {
    if (!rope.has(key)) {
      throw rope.wrong(key, "is missing, expected a number");
    }
    return rope.number(key, 0);
  }

  private static void checkWhole(Json json) {
    double part = json.number("partial_rotary_factor", 1);
    if (part != 1) {
      throw json.wrong(
          "partial_rotary_factor", "is " + part + "; only whole heads (1) are supported");
    }
  }
}
