package dev.jangle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class GenerationOptionsTest {
  private static final GenerationOptions OPTIONS = GenerationOptions.defaults();

  private static void refuses(Supplier<GenerationOptions> wrong, String... parts) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, wrong::get);
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e::getMessage);
    }
  }

  @Test
  void theDefaultsAreGreedyAndAutomatic() {
    assertEquals(256, OPTIONS.maxTokens());
    assertEquals(Decoding.AUTO, OPTIONS.decoding());
    assertEquals(0, OPTIONS.temperature());
    assertEquals(0, OPTIONS.topK());
    assertEquals(1, OPTIONS.topP());
    assertEquals(0, OPTIONS.minP());
    assertEquals(0, OPTIONS.seed());
    assertEquals(List.of(), OPTIONS.stop());
    assertEquals(Optional.empty(), OPTIONS.system());
    assertEquals(false, OPTIONS.raw());
  }

  @Test
  void eachWithChangesOneThing() {
    GenerationOptions all =
        OPTIONS
            .withMaxTokens(1)
            .withDecoding(Decoding.PAPER)
            .withTemperature(100)
            .withTopK(Integer.MAX_VALUE)
            .withTopP(1e-9)
            .withMinP(1)
            .withSeed(-5)
            .withStop("a", "b")
            .withSystem("s");
    assertEquals(
        new GenerationOptions(
            1,
            Decoding.PAPER,
            100,
            Integer.MAX_VALUE,
            1e-9,
            1,
            -5,
            List.of("a", "b"),
            Optional.of("s"),
            false),
        all);
    assertTrue(OPTIONS.withRaw(true).raw());
    assertEquals(GenerationOptions.defaults(), OPTIONS, "the original stays");
    assertEquals(all, all.withMaxTokens(9).withMaxTokens(1));
    assertEquals(all, all.withDecoding(Decoding.PLAIN).withDecoding(Decoding.PAPER));
    assertEquals(List.of(), all.withStop().stop());
  }

  @Test
  void refusesWhatIsOutOfRange() {
    refuses(() -> OPTIONS.withMaxTokens(0), "maxTokens is 0", "at least 1");
    refuses(() -> OPTIONS.withMaxTokens(-1), "maxTokens is -1");
    refuses(
        () -> OPTIONS.withTemperature(-0.1), "temperature is -0.1", "0 (greedy), or 0.001 to 100");
    refuses(() -> OPTIONS.withTemperature(1e-46), "temperature is 1.0E-46");
    refuses(() -> OPTIONS.withRaw(true).withSystem("s"), "raw", "system");
    refuses(() -> OPTIONS.withSystem("s").withRaw(true), "raw", "system");
    refuses(() -> OPTIONS.withTemperature(100.1), "temperature");
    refuses(() -> OPTIONS.withTemperature(Double.NaN), "temperature is NaN");
    refuses(() -> OPTIONS.withTopK(-1), "topK is -1", "0 (off) or more");
    refuses(() -> OPTIONS.withTopP(0), "topP is 0.0", "more than 0 in single", "at most 1 (off)");
    refuses(() -> OPTIONS.withTopP(1e-46), "topP is 1.0E-46");
    assertEquals(1e-45, OPTIONS.withTopP(1e-45).topP());
    refuses(() -> OPTIONS.withTopP(1.01), "topP");
    refuses(() -> OPTIONS.withTopP(Double.NaN), "topP");
    refuses(() -> OPTIONS.withMinP(-0.1), "minP is -0.1", "0 (off) to 1");
    refuses(() -> OPTIONS.withMinP(1.1), "minP");
    refuses(() -> OPTIONS.withMinP(Double.NaN), "minP");
    refuses(() -> OPTIONS.withStop("a", ""), "stop", "not empty");
  }

  @Test
  void refusesNull() {
    assertThrows(NullPointerException.class, () -> OPTIONS.withDecoding(null));
    assertThrows(NullPointerException.class, () -> OPTIONS.withStop("a", null));
    assertThrows(NullPointerException.class, () -> OPTIONS.withSystem(null));
  }

  @Test
  void stopStringsAreCopied() {
    List<String> stop = new ArrayList<>(List.of("a"));
    GenerationOptions options =
        new GenerationOptions(1, Decoding.PLAIN, 0, 0, 1, 0, 0, stop, Optional.empty(), false);
    stop.add("b");
    assertEquals(List.of("a"), options.stop());
    assertThrows(UnsupportedOperationException.class, () -> options.stop().add("c"));
  }
}
