package dev.jangle.decode;

/**
 * What a verified forward pass told. Arrays are reused by the next step.
 *
 * @param tree the nodes that were verified
 * @param next the token that the model chooses after each node
 * @param path accepted nodes, the root first
 * @param pathLength how many of them
 * @param topIds [nodes][topK] likeliest tokens after each node, or null where nobody asked
 * @param topValues their logits
 * @param topK tokens per node in topIds
 */
@SuppressWarnings("ArrayRecordComponent") // buffers of the decoder, not values
record StepOutcome(
    TokenTree tree,
    int[] next,
    int[] path,
    int pathLength,
    int[] topIds,
    float[] topValues,
    int topK) {
  /** The last accepted node. */
  int last() {
    return path[pathLength - 1];
  }
}
