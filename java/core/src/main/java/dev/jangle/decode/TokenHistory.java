package dev.jangle.decode;

import java.util.Arrays;

/** The tokens of prompt and output so far, the root last. Grows; ids only. */
final class TokenHistory {
  private int[] tokens = new int[1024];
  private int size;

  int size() {
    return size;
  }

  int get(int index) {
    return tokens[index];
  }

  void add(int token) {
    if (size == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * size);
    }
    tokens[size++] = token;
  }
}
