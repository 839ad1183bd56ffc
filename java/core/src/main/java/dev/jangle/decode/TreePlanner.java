package dev.jangle.decode;

/** Chooses the nodes of each step. One per generation; one thread at a time. */
interface TreePlanner {
  /**
   * Adds drafts to a tree that holds its root.
   *
   * @param maxDepth the deepest level that can still be of use
   */
  void plan(TokenTree tree, int maxDepth);

  /** Learns from a verified step. */
  void observe(StepOutcome outcome);

  /**
   * Told the time of a step.
   *
   * @param rows nodes of its tree
   * @param positions tokens before it
   */
  default void timed(int rows, int positions, long nanos) {}

  /** How many of the likeliest tokens per node it wants to see in the outcome; 0 for none. */
  int topK();
}
