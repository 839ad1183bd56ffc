package dev.jangle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StopStringsTest {
  @Test
  void passesTextOnWhereNothingStops() {
    StopStrings stops = new StopStrings(List.of());
    assertEquals("abc", stops.push("abc"));
    assertFalse(stops.pending());
    assertEquals("", stops.flush());
    assertFalse(stops.found());
  }

  @Test
  void holdsBackWhatMayBecomeAStop() {
    StopStrings stops = new StopStrings(List.of("END"));
    assertEquals("x", stops.push("xE"));
    assertTrue(stops.pending());
    assertEquals("", stops.push("N"));
    assertEquals("EN", stops.push("EN"));
    assertEquals("ENx", stops.push("x"));
    assertFalse(stops.found());
    assertEquals("y", stops.push("yEND and more"));
    assertTrue(stops.found());
    assertFalse(stops.pending());
    assertEquals("", stops.push("later"));
    assertEquals("", stops.flush());
  }

  @Test
  void aBeginningThatLeadsNowhereComesOut() {
    StopStrings stops = new StopStrings(List.of("aab"));
    assertEquals("", stops.push("a"));
    assertEquals("", stops.push("a"));
    assertEquals("a", stops.push("a"), "the last two may still begin it");
    assertEquals("aac", stops.push("c"));
    assertEquals("", stops.push("aa"));
    assertEquals("aa", stops.flush());
    assertFalse(stops.pending());
  }

  /** The stop that is complete first ends the text, though another began before it. */
  @Test
  void theFirstToBeCompleteCounts() {
    for (String[] pieces : new String[][] {{"abcd"}, {"abc", "d"}, {"a", "b", "c", "d"}}) {
      StopStrings stops = new StopStrings(List.of("abcd", "c"));
      StringBuilder text = new StringBuilder();
      for (String piece : pieces) {
        text.append(stops.push(piece));
      }
      assertEquals("ab", text.toString());
    }
    StopStrings stops = new StopStrings(List.of("c", "bc", "abc"));
    assertEquals("x", stops.push("xabcd"), "of those that end together, the longest");
  }

  /** The text before the first stop, found character by character; null where none is. */
  private static String reference(String text, List<String> stops) {
    for (int end = 1; end <= text.length(); end++) {
      String sofar = text.substring(0, end);
      int longest = stops.stream().filter(sofar::endsWith).mapToInt(String::length).max().orElse(0);
      if (longest > 0) {
        return text.substring(0, end - longest);
      }
    }
    return null;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void agreesWithASearchHoweverTheTextIsSplit(long seed) {
    Random random = new Random(seed);
    int found = 0;
    for (int round = 0; round < 20_000; round++) {
      int alphabet = 2 + random.nextInt(2);
      String text = text(random, random.nextInt(25), alphabet);
      List<String> stopList = new ArrayList<>();
      for (int i = random.nextInt(4); i > 0; i--) {
        stopList.add(text(random, 1 + random.nextInt(6), alphabet));
      }
      StopStrings stops = new StopStrings(stopList);
      String expected = reference(text, stopList);
      StringBuilder out = new StringBuilder();
      for (int at = 0; at < text.length(); ) {
        int end = Math.min(text.length(), at + random.nextInt(5));
        out.append(stops.push(text.substring(at, end)));
        at = end;
        boolean complete = reference(text.substring(0, at), stopList) != null;
        assertEquals(complete, stops.found());
        if (!complete) {
          assertTrue(text.startsWith(out.toString()));
          assertEquals(out.length() < at, stops.pending());
          assertEquals(
              mayBegin(text.substring(0, at), stopList), at - out.length(), "held back too much");
        }
      }
      out.append(stops.flush());
      assertEquals(expected == null ? text : expected, out.toString(), text + " " + stopList);
      assertFalse(stops.pending());
      found += expected == null ? 0 : 1;
    }
    assertTrue(found > 1000 && found < 19_000);
  }

  /** Length of the longest end of the text that could become a stop string. */
  private static int mayBegin(String text, List<String> stops) {
    for (int from = 0; from < text.length(); from++) {
      String tail = text.substring(from);
      if (stops.stream().anyMatch(s -> s.length() > tail.length() && s.startsWith(tail))) {
        return tail.length();
      }
    }
    return 0;
  }

  private static String text(Random random, int length, int alphabet) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append((char) ('a' + random.nextInt(alphabet)));
    }
    return text.toString();
  }
}
