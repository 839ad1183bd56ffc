package dev.jangle.decode;

import dev.jangle.DraftKind;
import java.util.Arrays;

/**
 * The tokens of one forward pass. Node 0 is the root: the token that is decided but not yet in the
 * cache. Every other node is a draft, child of an earlier node; equal prefixes are one node. Arrays
 * are the batch's columns and are reused from step to step.
 */
final class TokenTree {
  /** Rows that one sequence may have in a tree: JG_MAX_TREE. */
  static final int MAX_NODES = 128;

  final int[] token = new int[MAX_NODES];
  final int[] parent = new int[MAX_NODES];
  final int[] depth = new int[MAX_NODES];
  final DraftKind[] source = new DraftKind[MAX_NODES];
  private final int[] firstChild = new int[MAX_NODES];
  private final int[] nextSibling = new int[MAX_NODES];
  private int size;

  /** Starts over with a root. */
  void reset(int root) {
    size = 0;
    append(-1, root, 0, DraftKind.NONE);
  }

  int size() {
    return size;
  }

  /** The child of a node with this token, or -1. */
  int child(int node, int wanted) {
    for (int child = firstChild[node]; child >= 0; child = nextSibling[child]) {
      if (token[child] == wanted) {
        return child;
      }
    }
    return -1;
  }

  /** The child with this token, added if there is none; -1 where the tree is full. */
  int add(int node, int draft, DraftKind kind) {
    int child = child(node, draft);
    if (child >= 0 || size == MAX_NODES) {
      return child;
    }
    child = append(node, draft, depth[node] + 1, kind);
    nextSibling[child] = firstChild[node];
    firstChild[node] = child;
    return child;
  }

  /**
   * Walks from the root to the child whose token is {@code next[node]} while there is one. Only
   * nodes of the tree take part: where a branch ends, so does the walk.
   *
   * @param path filled with the nodes walked, the root first
   * @return how many they are
   */
  int walk(int[] next, int[] path) {
    int length = 1;
    path[0] = 0;
    for (int node = 0; (node = child(node, next[node])) >= 0; ) {
      path[length++] = node;
    }
    return length;
  }

  /** Keeps the first {@code count} nodes. A node's parent is earlier, so what is left is a tree. */
  void cut(int count) {
    size = Math.min(size, count);
    Arrays.fill(firstChild, 0, size, -1);
    for (int node = 1; node < size; node++) {
      nextSibling[node] = firstChild[parent[node]];
      firstChild[parent[node]] = node;
    }
  }

  private int append(int node, int draft, int level, DraftKind kind) {
    int index = size++;
    token[index] = draft;
    parent[index] = node;
    depth[index] = level;
    source[index] = kind;
    firstChild[index] = -1;
    nextSibling[index] = -1;
    return index;
  }
}
