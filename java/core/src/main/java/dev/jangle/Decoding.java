package dev.jangle;

/** How tokens are found. All give the same text; they differ in speed. */
public enum Decoding {
  /** One token per forward pass. */
  PLAIN,
  /**
   * A plain Jacobi chain of 5 drafts: no tree, no retrieval, no recycling. What a model gains from
   * it, it learnt from training with noise.
   */
  JACOBI,
  /** TR-Jacobi as in arXiv 2406.17404: a fixed tree of 69 nodes, 5 of them one retrieved chain. */
  PAPER,
  /**
   * A tree chosen at each step from several draft sources, for the machine at hand: as many nodes
   * as pay, and the root alone where none does.
   */
  AUTO
}
