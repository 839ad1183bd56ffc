package dev.jangle.decode;

import java.util.Arrays;

/**
 * Where each run of 1 to {@link #LONGEST} tokens occurred before, the latest first. Appending a
 * token costs one hash insertion per length; a look-up costs one per length plus what it visits.
 */
final class NgramIndex {
  /** Longest run that has an entry of its own; longer matches are found by comparing backwards. */
  static final int LONGEST = 4;

  private final TokenHistory history;
  private final Level[] levels = new Level[LONGEST];
  private int indexed;

  NgramIndex(TokenHistory history) {
    this.history = history;
    for (int n = 1; n <= LONGEST; n++) {
      levels[n - 1] = new Level(n);
    }
  }

  /** Indexes what the history has gained, all but its last token, which nothing follows yet. */
  void update() {
    for (; indexed < history.size() - 1; indexed++) {
      for (Level level : levels) {
        level.insert(indexed);
      }
    }
  }

  /**
   * The latest position whose run of {@code length} tokens ends like {@code tail}, or -1. What
   * followed it is {@code history.get(position + 1)}.
   *
   * @param tail tokens, the last at {@code end - 1}
   */
  int latest(int[] tail, int end, int length) {
    return levels[length - 1].find(tail, end);
  }

  /** The occurrence of the same run before {@code position}, or -1. */
  int before(int position, int length) {
    return levels[length - 1].previous[position];
  }

  private static int mix(int hash, int token) {
    int mixed = (hash ^ token) * 0x9E3779B1;
    return mixed ^ (mixed >>> 15);
  }

  /** Runs of one length: an open hash table of the latest end position, and a chain to earlier. */
  private final class Level {
    private final int n;
    private int[] slots = new int[1024];
    private int used;
    private int[] previous = new int[1024];

    Level(int n) {
      this.n = n;
      Arrays.fill(slots, -1);
    }

    void insert(int position) {
      if (position >= previous.length) {
        previous = Arrays.copyOf(previous, 2 * previous.length);
      }
      previous[position] = -1;
      if (position + 1 < n) {
        return;
      }
      if (2 * used >= slots.length) {
        grow();
      }
      int slot = slot(position);
      if (slots[slot] < 0) {
        used++;
      }
      previous[position] = slots[slot];
      slots[slot] = position;
    }

    int find(int[] tail, int end) {
      if (end < n) {
        return -1;
      }
      int hash = 0;
      for (int i = end - n; i < end; i++) {
        hash = mix(hash, tail[i]);
      }
      int mask = slots.length - 1;
      for (int slot = hash & mask; slots[slot] >= 0; slot = (slot + 1) & mask) {
        if (matches(slots[slot], tail, end)) {
          return slots[slot];
        }
      }
      return -1;
    }

    private boolean matches(int position, int[] tail, int end) {
      for (int i = 0; i < n; i++) {
        if (history.get(position - i) != tail[end - 1 - i]) {
          return false;
        }
      }
      return true;
    }

    /** The slot of the run that ends at a position of the history: its own, or a free one. */
    private int slot(int position) {
      int hash = 0;
      for (int i = position - n + 1; i <= position; i++) {
        hash = mix(hash, history.get(i));
      }
      int mask = slots.length - 1;
      int slot = hash & mask;
      while (slots[slot] >= 0 && !sameRun(slots[slot], position)) {
        slot = (slot + 1) & mask;
      }
      return slot;
    }

    private boolean sameRun(int a, int b) {
      for (int i = 0; i < n; i++) {
        if (history.get(a - i) != history.get(b - i)) {
          return false;
        }
      }
      return true;
    }

    private void grow() {
      int[] old = slots;
      slots = new int[2 * old.length];
      Arrays.fill(slots, -1);
      for (int position : old) {
        if (position >= 0) {
          slots[slot(position)] = position;
        }
      }
    }
  }
}
