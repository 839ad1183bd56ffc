package dev.jangle.train;

import dev.jangle.backend.Matrix;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a model uses of the weights, or of their gradients; of these, null what is frozen.
 *
 * @param embedding [vocab][hidden]
 * @param norm one row
 * @param head [vocab][hidden]; the embedding itself where they are tied
 */
record ModelParameters(Matrix embedding, List<LayerParameters> layers, Matrix norm, Matrix head) {

  /**
   * A model's weights or gradients.
   *
   * @param whole all weights, or null where they are frozen and these are gradients
   * @param adapters all weights of adapters, or null without them
   */
  static ModelParameters of(Parameters whole, Parameters adapters, int layers) {
    Matrix embedding = whole == null ? null : whole.get("model.embed_tokens.weight");
    boolean untied = whole != null && whole.layout().has("lm_head.weight");
    return new ModelParameters(
        embedding,
        IntStream.range(0, layers).mapToObj(i -> LayerParameters.of(whole, adapters, i)).toList(),
        whole == null ? null : whole.get("model.norm.weight"),
        untied ? whole.get("lm_head.weight") : embedding);
  }
}
