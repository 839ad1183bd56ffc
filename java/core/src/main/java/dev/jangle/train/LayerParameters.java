package dev.jangle.train;

import dev.jangle.backend.Matrix;

/**
 * What one layer uses of the weights, or of their gradients. Vectors are rows; they are null where
 * the model has none, and for gradients where they are frozen.
 *
 * @param qkv [(heads + 2 kvHeads) * headDim][hidden]
 * @param qkvBias as many elements as qkv has rows
 * @param queryNorm headDim elements
 * @param keyNorm headDim elements
 * @param output [hidden][heads * headDim]
 * @param gateUp [2 * intermediate][hidden]
 * @param down [hidden][intermediate]
 */
record LayerParameters(
    Matrix inputNorm,
    LinearParameters qkv,
    Matrix qkvBias,
    Matrix queryNorm,
    Matrix keyNorm,
    LinearParameters output,
    Matrix postNorm,
    LinearParameters gateUp,
    LinearParameters down) {

  /**
   * One layer of all.
   *
   * @param whole all weights, or null where they are frozen and these are gradients
   * @param adapters all weights of adapters, or null without them
   */
  static LayerParameters of(Parameters whole, Parameters adapters, int i) {
    String layer = ParameterLayout.layer(i);
    String attention = layer + "self_attn.";
    String[] qkv = {attention + "q_proj", attention + "k_proj", attention + "v_proj"};
    boolean biased = whole != null && whole.layout().has(qkv[0] + ".bias");
    return new LayerParameters(
        vector(whole, layer + "input_layernorm.weight"),
        LinearParameters.of(whole, adapters, qkv),
        biased ? whole.vectors(qkv[0] + ".bias", qkv[1] + ".bias", qkv[2] + ".bias") : null,
        vector(whole, attention + "q_norm.weight"),
        vector(whole, attention + "k_norm.weight"),
        LinearParameters.of(whole, adapters, attention + "o_proj"),
        vector(whole, layer + "post_attention_layernorm.weight"),
        LinearParameters.of(whole, adapters, layer + "mlp.gate_proj", layer + "mlp.up_proj"),
        LinearParameters.of(whole, adapters, layer + "mlp.down_proj"));
  }

  private static Matrix vector(Parameters whole, String name) {
    return whole != null && whole.layout().has(name) ? whole.get(name) : null;
  }
}
