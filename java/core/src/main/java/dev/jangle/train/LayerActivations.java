package dev.jangle.train;

import dev.jangle.backend.Matrix;
import dev.jangle.format.ModelConfig;

/**
 * What the backward pass of a layer needs of its forward pass, beside the layer's input. All are
 * [rows][...].
 *
 * @param normed input of query, key and value
 * @param qkv query, key and value as attention reads them
 * @param rawQk query and key before their norms; null where the model has none
 * @param attended output of attention
 * @param lse [rows][heads]: logarithms of the sums of exponentials
 * @param middle after attention and its residual
 * @param postNormed input of gate and up
 * @param gateUp gate, then up
 * @param activated SwiGLU's output
 */
record LayerActivations(
    Matrix normed,
    Matrix qkv,
    Matrix rawQk,
    Matrix attended,
    Matrix lse,
    Matrix middle,
    Matrix postNormed,
    Matrix gateUp,
    Matrix activated) {

  static LayerActivations allocate(DeviceMemory memory, ModelConfig config, int rows) {
    long hidden = config.hiddenSize();
    long inner = config.intermediateSize();
    long queries = (long) config.heads() * config.headDim();
    long keys = (long) config.kvHeads() * config.headDim();
    return new LayerActivations(
        memory.matrix(rows, hidden),
        memory.matrix(rows, queries + 2 * keys),
        config.qkNorm() ? memory.matrix(rows, queries + keys) : null,
        memory.matrix(rows, queries),
        memory.matrix(rows, config.heads()),
        memory.matrix(rows, hidden),
        memory.matrix(rows, hidden),
        memory.matrix(rows, 2 * inner),
        memory.matrix(rows, inner));
  }

  /** Those of the first rows. */
  LayerActivations top(int rows) {
    return new LayerActivations(
        normed.top(rows),
        qkv.top(rows),
        rawQk == null ? null : rawQk.top(rows),
        attended.top(rows),
        lse.top(rows),
        middle.top(rows),
        postNormed.top(rows),
        gateUp.top(rows),
        activated.top(rows));
  }
}
