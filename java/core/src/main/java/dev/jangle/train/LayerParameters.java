package dev.jangle.train;

import dev.jangle.backend.Matrix;

/**
 * What one layer uses of the weights, or of their gradients. Vectors are rows.
 *
 * @param qkv [(heads + 2 kvHeads) * headDim][hidden]
 * @param qkvBias as many elements as qkv has rows, or null
 * @param queryNorm headDim elements, or null
 * @param keyNorm headDim elements, or null
 * @param output [hidden][heads * headDim]
 * @param gateUp [2 * intermediate][hidden]
 * @param down [hidden][intermediate]
 */
record LayerParameters(
    Matrix inputNorm,
    Matrix qkv,
    Matrix qkvBias,
    Matrix queryNorm,
    Matrix keyNorm,
    Matrix output,
    Matrix postNorm,
    Matrix gateUp,
    Matrix down) {

  static LayerParameters of(Parameters all, int i) {
    String layer = ParameterLayout.layer(i);
    String attention = layer + "self_attn.";
    ParameterLayout layout = all.layout();
    return new LayerParameters(
        all.get(layer + "input_layernorm.weight"),
        all.matrices(
            attention + "q_proj.weight", attention + "k_proj.weight", attention + "v_proj.weight"),
        layout.has(attention + "q_proj.bias")
            ? all.vectors(
                attention + "q_proj.bias", attention + "k_proj.bias", attention + "v_proj.bias")
            : null,
        layout.has(attention + "q_norm.weight") ? all.get(attention + "q_norm.weight") : null,
        layout.has(attention + "k_norm.weight") ? all.get(attention + "k_norm.weight") : null,
        all.get(attention + "o_proj.weight"),
        all.get(layer + "post_attention_layernorm.weight"),
        all.matrices(layer + "mlp.gate_proj.weight", layer + "mlp.up_proj.weight"),
        all.get(layer + "mlp.down_proj.weight"));
  }
}
