package dev.jangle.decode;

import java.util.Arrays;

/**
 * The Jacobi iteration: the drafts for depth d of the next step are the likeliest tokens after the
 * d-th node of a rejected or noise chain that hung below the last accepted node of this one. The
 * chain's inputs were wrong; a model trained on noise (arXiv 2406.17404) predicts well all the
 * same. Where the chain ends there is no fresh row, and none is made up.
 *
 * <p>Feature of a candidate: 1 + rank.
 */
final class JacobiDrafts implements DraftSource {
  /** Rows: future positions that may have drafts. */
  static final int DEPTH = 5;

  /** Ranks per row that become candidates. */
  static final int RANKS = 8;

  private final int width;
  private final int[][] rows;
  private int fresh;

  /**
   * @param width likeliest tokens kept per row
   */
  JacobiDrafts(int width) {
    this.width = width;
    this.rows = new int[DEPTH][width];
  }

  /** Rows that the last step made. */
  int fresh() {
    return fresh;
  }

  /** Candidate of a depth (from 1) and rank, or -1 where there is none. */
  int candidate(int depth, int rank) {
    return depth <= fresh && rank < width ? rows[depth - 1][rank] : -1;
  }

  @Override
  public void propose(TokenTree tree, int node, Candidates out) {
    int depth = tree.depth[node] + 1;
    for (int rank = 0; rank < RANKS; rank++) {
      int token = candidate(depth, rank);
      if (token < 0) {
        return;
      }
      int entry = out.entry(token);
      if (entry < 0) {
        return;
      }
      out.jacobi[entry] = 1 + rank;
    }
  }

  @Override
  public void observe(StepOutcome outcome) {
    TokenTree tree = outcome.tree();
    int k = outcome.topK();
    fresh = 0;
    int node = longestBelow(tree, outcome.last());
    while (node >= 0 && fresh < DEPTH) {
      Arrays.fill(rows[fresh], -1);
      System.arraycopy(outcome.topIds(), node * k, rows[fresh], 0, Math.min(k, width));
      fresh++;
      node = longestBelow(tree, node);
    }
  }

  /**
   * The child of a node with the longest chain below it, the earliest of equals; -1 without one.
   */
  private static int longestBelow(TokenTree tree, int node) {
    int best = -1;
    int bestHeight = -1;
    int[] height = new int[tree.size()];
    for (int i = tree.size() - 1; i > node; i--) {
      int parent = tree.parent[i];
      if (parent == node && height[i] >= bestHeight) {
        best = i;
        bestHeight = height[i];
      }
      height[parent] = Math.max(height[parent], height[i] + 1);
    }
    return best;
  }
}
