package dev.jangle.decode;

/** Proposes the children of a node of the tree that is being built. One thread at a time. */
interface DraftSource {
  /**
   * Adds children of {@code node} to {@code out}, likeliest first.
   *
   * @param node has all its ancestors in the tree
   */
  void propose(TokenTree tree, int node, Candidates out);

  /** Learns from a verified step; the history has grown by its tokens already. */
  void observe(StepOutcome outcome);
}
