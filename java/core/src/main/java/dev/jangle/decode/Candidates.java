package dev.jangle.decode;

/**
 * The children that the sources propose for one node, each token once with what every source says
 * of it. 0 means that the source does not propose it.
 */
final class Candidates {
  /** Enough for all ranks of three sources. */
  static final int CAPACITY = 32;

  final int[] token = new int[CAPACITY];
  final int[] retrieval = new int[CAPACITY];
  final int[] recycling = new int[CAPACITY];
  final int[] jacobi = new int[CAPACITY];
  private int size;

  void clear() {
    size = 0;
  }

  int size() {
    return size;
  }

  /** Index of the token's entry, a new one if need be, or -1 where all entries are taken. */
  int entry(int wanted) {
    for (int i = 0; i < size; i++) {
      if (token[i] == wanted) {
        return i;
      }
    }
    if (size == CAPACITY) {
      return -1;
    }
    token[size] = wanted;
    retrieval[size] = 0;
    recycling[size] = 0;
    jacobi[size] = 0;
    return size++;
  }
}
