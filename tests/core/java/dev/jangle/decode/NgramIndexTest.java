package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against a search through the whole text. */
class NgramIndexTest {
  /** The latest end before {@code below} of a run like the tail's last tokens, or -1. */
  private static int search(TokenHistory history, int[] tail, int end, int length, int below) {
    for (int position = below - 1; position >= length - 1; position--) {
      boolean same = true;
      for (int i = 0; i < length; i++) {
        same &= history.get(position - i) == tail[end - 1 - i];
      }
      if (same) {
        return position;
      }
    }
    return -1;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 2, 300",
    "2, 3, 2000",
    "3, 5, 3000",
    "4, 40, 3000",
    "5, 1, 200",
    "6, 50000, 5000"
  })
  void findsEveryOccurrenceLatestFirst(long seed, int alphabet, int length) {
    Random random = new Random(seed);
    TokenHistory history = Steps.history(random.nextInt(alphabet));
    NgramIndex index = new NgramIndex(history);
    while (history.size() < length) {
      int grow = 1 + random.nextInt(9);
      for (int i = 0; i < grow; i++) {
        history.add(random.nextInt(alphabet));
      }
      index.update();
      int[] tail = tail(history, random, alphabet);
      int end = tail.length;
      for (int n = 1; n <= Math.min(end, NgramIndex.LONGEST); n++) {
        int expected = search(history, tail, end, n, history.size() - 1);
        int found = index.latest(tail, end, n);
        assertEquals(expected, found);
        for (int visit = 0; found >= 0 && visit < 20; visit++) {
          expected = search(history, tail, end, n, found);
          found = index.before(found, n);
          assertEquals(expected, found);
        }
      }
    }
  }

  /** The end of the text, sometimes with drafts after it. */
  private static int[] tail(TokenHistory history, Random random, int alphabet) {
    int known = Math.min(history.size(), random.nextInt(6));
    int[] tail = new int[known + (known == 0 ? 1 : random.nextInt(3))];
    for (int i = 0; i < tail.length; i++) {
      tail[i] = i < known ? history.get(history.size() - known + i) : random.nextInt(alphabet);
    }
    return tail;
  }

  /** Nothing follows the last token yet, so it is no occurrence. */
  @Test
  void leavesTheLastTokenOut() {
    TokenHistory history = Steps.history(5, 6);
    NgramIndex index = new NgramIndex(history);
    index.update();
    assertEquals(-1, index.latest(new int[] {6}, 1, 1));
    assertEquals(0, index.latest(new int[] {5}, 1, 1));
    history.add(5);
    index.update();
    assertEquals(1, index.latest(new int[] {6}, 1, 1));
    assertEquals(0, index.latest(new int[] {5}, 1, 1));
  }

  @Test
  void aTailShorterThanTheRunHasNoMatch() {
    TokenHistory history = Steps.history(1, 1, 1, 1, 1, 1);
    NgramIndex index = new NgramIndex(history);
    index.update();
    assertEquals(-1, index.latest(new int[] {1, 1}, 2, 3));
  }
}
