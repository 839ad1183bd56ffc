package dev.jangle;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class RepetitionTest {
  @Test
  void isTheShareOf3GramsThatWereThereBefore() {
    assertEquals(0, Repetition.of(List.of()));
    assertEquals(0, Repetition.of(List.of(1, 1)));
    assertEquals(0, Repetition.of(List.of(1, 1, 1)));
    assertEquals(0.5, Repetition.of(List.of(1, 1, 1, 1)));
    assertEquals(0, Repetition.of(List.of(1, 2, 3, 4, 5, 6)));
    // 123 234 341 412 123 234 341: four of seven are new.
    assertEquals(1 - 4 / 7.0, Repetition.of(List.of(1, 2, 3, 4, 1, 2, 3, 4, 1)));
  }

  @Test
  void aLoopBeginsAfterTheLastNew3Gram() {
    assertEquals(0, Repetition.freshTokens(List.of()));
    assertEquals(2, Repetition.freshTokens(List.of(7, 7)));
    assertEquals(3, Repetition.freshTokens(List.of(7, 7, 7, 7, 7)));
    assertEquals(5, Repetition.freshTokens(List.of(1, 2, 3, 4, 5)));
    assertEquals(8, Repetition.freshTokens(List.of(9, 8, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2)));
    assertEquals(7, Repetition.freshTokens(List.of(1, 2, 3, 1, 2, 3, 4)), "it went on");
  }
}
