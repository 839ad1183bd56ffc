package dev.jangle.backend;

import java.util.ArrayDeque;
import java.util.Random;

/**
 * Rows of one sequence, as {@code jg_batch_set} defines them.
 *
 * @param parents an earlier row, or -1 for the last committed position
 * @param committed positions before the tree
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Tree(int[] parents, int committed) {
  /** Rows that follow one another. */
  static Tree chain(int rows, int committed) {
    int[] parents = new int[rows];
    for (int i = 0; i < rows; i++) {
      parents[i] = i - 1;
    }
    return new Tree(parents, committed);
  }

  /** Every row follows a random earlier one, more often a late one; some begin anew. */
  static Tree random(long seed, int rows, int committed) {
    Random random = new Random(seed);
    int[] parents = new int[rows];
    for (int i = 0; i < rows; i++) {
      int back = random.nextInt(1, random.nextInt(2, 9));
      parents[i] = Math.max(-1, i - back);
    }
    return new Tree(parents, committed);
  }

  int rows() {
    return parents.length;
  }

  int depth(int row) {
    return parents[row] < 0 ? 0 : depth(parents[row]) + 1;
  }

  int position(int row) {
    return committed + depth(row);
  }

  int slot(int row) {
    return committed + row;
  }

  /** The rows from the root to this one. */
  int[] path(int row) {
    ArrayDeque<Integer> path = new ArrayDeque<>();
    for (int at = row; at >= 0; at = parents[at]) {
      path.addFirst(at);
    }
    return path.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Slots that the row attends, in order of position. */
  int[] visibleSlots(int row) {
    int[] path = path(row);
    int[] slots = new int[committed + path.length];
    for (int i = 0; i < slots.length; i++) {
      slots[i] = i < committed ? i : slot(path[i - committed]);
    }
    return slots;
  }

  /** Pages that hold all its slots. */
  int pages() {
    return (committed + rows() + KvLayer.PAGE - 1) / KvLayer.PAGE;
  }
}
