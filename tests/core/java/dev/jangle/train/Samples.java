package dev.jangle.train;

/** Samples for tests: token i is 100 + i, so that every token says where it came from. */
final class Samples {
  private Samples() {}

  /** A prompt and an answer. */
  static Sample of(int prompt, int answer) {
    return turns(prompt, answer);
  }

  /** Prompts and answers by turns, their lengths in tokens. */
  static Sample turns(int... lengths) {
    int total = 0;
    for (int length : lengths) {
      total += length;
    }
    int[] tokens = new int[total];
    boolean[] written = new boolean[total];
    int at = 0;
    for (int turn = 0; turn < lengths.length; turn++) {
      for (int i = 0; i < lengths[turn]; i++, at++) {
        tokens[at] = 100 + at;
        written[at] = turn % 2 == 1;
      }
    }
    return new Sample(tokens, written, false);
  }
}
