package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where an answer may be cut; what is judged about it is in {@link DistillationTest}. */
class DistillVerdictTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "One. Two. Thr                     | One. Two.",
        "He said \"No!\" and w              | He said \"No!\"",
        "Is it? (Yes.) And                 | Is it? (Yes.)",
        "Version 3.14 is out. Then 2.      | Version 3.14 is out.",
        "See e.g. this                     | See e.g.",
        "No end at all                     | ''",
        "Ends itself.                      | Ends itself.",
        "Wait\u2026 what                   | Wait\u2026",
      })
  void sentencesAreWhole(String text, String expected) {
    assertEquals(expected, DistillVerdict.whole(text));
  }

  @Test
  void linesAreWhole() {
    assertEquals("1. Rome\n2. Paris", DistillVerdict.whole("1. Rome\n2. Paris\n3."));
    assertEquals("a = 1\nb = 2", DistillVerdict.whole("a = 1\nb = 2\n\nc ="));
    assertEquals("", DistillVerdict.whole(""));
    assertEquals("", DistillVerdict.whole("\n"));
  }
}
