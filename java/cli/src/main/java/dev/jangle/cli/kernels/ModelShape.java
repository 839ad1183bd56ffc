package dev.jangle.cli.kernels;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The sizes of a model that its operations have.
 *
 * @param hidden elements of a row between the layers
 * @param intermediate elements of a row inside the feed-forward
 * @param heads of queries
 * @param kvHeads of keys and values
 * @param context positions that the cache holds before the measured rows
 */
public record ModelShape(
    String name,
    int hidden,
    int intermediate,
    int layers,
    int heads,
    int kvHeads,
    int headDim,
    int vocab,
    int context) {

  /** Sizes of the models' {@code config.json}. */
  public static final List<ModelShape> MODELS =
      List.of(
          new ModelShape("smollm2-135m", 576, 1536, 30, 9, 3, 64, 49152, 1024),
          new ModelShape("qwen2.5-0.5b", 896, 4864, 24, 14, 2, 64, 151936, 1024),
          new ModelShape("llama-3.2-1b", 2048, 8192, 16, 32, 8, 64, 128256, 1024),
          new ModelShape("llama-3.1-8b", 4096, 14336, 32, 32, 8, 128, 128256, 1024));

  /** Sizes for tests, which end at once and whose times mean nothing. */
  public static final ModelShape TINY = new ModelShape("tiny", 64, 96, 2, 4, 2, 16, 320, 70);

  /** A weight matrix [n][k] of the model. */
  record Weight(String name, long n, long k) {}

  /**
   * The model of this name, in any case.
   *
   * @throws IllegalArgumentException naming those that there are
   */
  public static ModelShape of(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    if (lower.equals(TINY.name)) {
      return TINY;
    }
    return MODELS.stream()
        .filter(model -> model.name.equals(lower))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no shapes of a model " + name + "; expected one of " + names()));
  }

  /** The names of the real ones, for messages. */
  public static String names() {
    return MODELS.stream().map(ModelShape::name).collect(Collectors.joining(", "));
  }

  long queries() {
    return (long) heads * headDim;
  }

  long keys() {
    return (long) kvHeads * headDim;
  }

  /** The matrices of a layer, joined as the forward pass joins them, and the output matrix. */
  List<Weight> weights() {
    return List.of(
        new Weight("qkv", queries() + 2 * keys(), hidden),
        new Weight("output", hidden, queries()),
        new Weight("gate_up", 2L * intermediate, hidden),
        new Weight("down", hidden, intermediate),
        new Weight("head", vocab, hidden));
  }
}
