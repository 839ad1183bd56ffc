package dev.jangle.decode;

import dev.jangle.DraftKind;
import java.util.Arrays;
import java.util.Random;
import java.util.function.IntUnaryOperator;

/** Histories, trees and verified steps without a model. */
final class Steps {
  private Steps() {}

  static TokenHistory history(int... tokens) {
    TokenHistory history = new TokenHistory();
    for (int token : tokens) {
      history.add(token);
    }
    return history;
  }

  /** A tree from its root and pairs of parent and token; no two of them may be equal. */
  static TokenTree tree(int root, int[]... nodes) {
    TokenTree tree = new TokenTree();
    tree.reset(root);
    for (int[] node : nodes) {
      int size = tree.size();
      if (tree.add(node[0], node[1], DraftKind.JACOBI) != size) {
        throw new IllegalArgumentException("a node twice: " + Arrays.toString(node));
      }
    }
    return tree;
  }

  /** A random tree of about so many nodes. */
  static TokenTree randomTree(Random random, int nodes, int vocab) {
    TokenTree tree = new TokenTree();
    tree.reset(random.nextInt(vocab));
    for (int i = 1; i < nodes; i++) {
      tree.add(random.nextInt(tree.size()), random.nextInt(vocab), DraftKind.JACOBI);
    }
    return tree;
  }

  /** Tokens from the root's child to the node. */
  static int[] path(TokenTree tree, int node) {
    int[] path = new int[tree.depth[node]];
    for (int walk = node; walk > 0; walk = tree.parent[walk]) {
      path[tree.depth[walk] - 1] = tree.token[walk];
    }
    return path;
  }

  /**
   * What the decoder makes of a verified tree.
   *
   * @param next the token that the model chooses after each node
   * @param topIds [nodes][k]
   */
  static StepOutcome outcome(TokenTree tree, int[] next, int k, int[] topIds, float[] topValues) {
    int[] path = new int[TokenTree.MAX_NODES];
    return new StepOutcome(tree, next, path, tree.walk(next, path), topIds, topValues, k);
  }

  /** The same where the model's likeliest tokens after a node are {@code first}, first + 1, ... */
  static StepOutcome outcome(TokenTree tree, int k, IntUnaryOperator first) {
    int[] next = new int[tree.size()];
    int[] topIds = new int[tree.size() * k];
    float[] topValues = new float[topIds.length];
    for (int node = 0; node < tree.size(); node++) {
      next[node] = first.applyAsInt(node);
      for (int rank = 0; rank < k; rank++) {
        topIds[node * k + rank] = next[node] + rank;
        topValues[node * k + rank] = -rank;
      }
    }
    return outcome(tree, next, k, topIds, topValues);
  }
}
