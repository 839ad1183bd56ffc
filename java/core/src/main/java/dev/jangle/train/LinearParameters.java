package dev.jangle.train;

import dev.jangle.backend.Matrix;
import java.util.List;

/**
 * What a linear layer uses of the weights, or of their gradients. Matrices that read the same input
 * (query, key and value; gate and up) are one layer of several parts.
 *
 * @param weight [out][in], the parts' rows one after another; null for the gradient of a frozen one
 * @param adapter null without one
 */
record LinearParameters(Matrix weight, Adapter adapter) {
  /**
   * The low-rank addition to a layer.
   *
   * @param down the parts' A one after another, [parts * rank][in]
   * @param ups each part's B, [out of the part][rank]
   */
  record Adapter(Matrix down, List<Matrix> ups) {
    long rank() {
      return ups.get(0).cols();
    }
  }

  /**
   * Parts of a layer by their names in the model.
   *
   * @param whole all weights, or null where they are frozen and these are gradients
   * @param adapters all weights of adapters, or null without them
   * @param parts such as {@code model.layers.0.self_attn.q_proj}
   */
  static LinearParameters of(Parameters whole, Parameters adapters, String... parts) {
    Matrix weight = whole == null ? null : whole.matrices(suffixed(parts, ".weight"));
    return new LinearParameters(weight, adapters == null ? null : adapter(adapters, parts));
  }

  private static Adapter adapter(Parameters adapters, String... parts) {
    String[] downs = new String[parts.length];
    Matrix[] ups = new Matrix[parts.length];
    for (int i = 0; i < parts.length; i++) {
      downs[i] = ParameterLayout.adapterDown(parts[i]);
      ups[i] = adapters.get(ParameterLayout.adapterUp(parts[i]));
    }
    return new Adapter(adapters.matrices(downs), List.of(ups));
  }

  private static String[] suffixed(String[] names, String suffix) {
    String[] all = names.clone();
    for (int i = 0; i < all.length; i++) {
      all[i] += suffix;
    }
    return all;
  }
}
