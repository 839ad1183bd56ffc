package dev.jangle.train;

import dev.jangle.backend.Matrix;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a model uses of the weights, or of their gradients.
 *
 * @param embedding [vocab][hidden]
 * @param norm one row
 * @param head [vocab][hidden]; the embedding itself where they are tied
 */
record ModelParameters(Matrix embedding, List<LayerParameters> layers, Matrix norm, Matrix head) {

  static ModelParameters of(Parameters all, int layers) {
    Matrix embedding = all.get("model.embed_tokens.weight");
    return new ModelParameters(
        embedding,
        IntStream.range(0, layers).mapToObj(i -> LayerParameters.of(all, i)).toList(),
        all.get("model.norm.weight"),
        all.layout().has("lm_head.weight") ? all.get("lm_head.weight") : embedding);
  }
}
