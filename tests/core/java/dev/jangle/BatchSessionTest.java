package dev.jangle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.cache.ContextFullException;
import dev.jangle.text.ChatMessage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BatchSessionTest {
  private static final GenerationOptions OPTIONS = GenerationOptions.defaults().withMaxTokens(25);
  private static final ModelOptions TWO = ModelOptions.defaults().withThreads(2);

  @TempDir private Path folder;

  private static List<ChatMessage> asked(String question) {
    return List.of(new ChatMessage("user", question));
  }

  /** Seven conversations in three places: each answer is that of a session alone. */
  @Test
  void answersAreThoseOfSessionsAlone() throws IOException {
    List<String> questions =
        List.of("hello", "the rain in the land", "a", "is it", "and then the", "on", "w x y z");
    try (Model model = Model.open(TinyFolder.chat(folder), TWO)) {
      TreeMap<Integer, GenerationResult> found = new TreeMap<>();
      try (BatchSession batch = model.openBatch(3, OPTIONS)) {
        assertEquals(3, batch.places());
        int[] asked = new int[3];
        int next = 0;
        while (found.size() < questions.size()) {
          for (int place : batch.free()) {
            if (next < questions.size()) {
              batch.start(place, asked(questions.get(next)));
              asked[place] = next++;
            }
          }
          for (BatchSession.Finished finished : batch.step()) {
            found.put(asked[finished.place()], finished.result());
          }
        }
        assertEquals(List.of(), batch.step(), "nothing is left");
      }
      for (int i = 0; i < questions.size(); i++) {
        GenerationResult alone =
            model.generate(questions.get(i), OPTIONS.withDecoding(Decoding.PLAIN));
        assertEquals(alone.tokens(), found.get(i).tokens(), questions.get(i));
        assertEquals(alone.text(), found.get(i).text());
        assertEquals(alone.stopReason(), found.get(i).stopReason());
        Statistics statistics = found.get(i).statistics();
        assertEquals(alone.statistics().promptTokens(), statistics.promptTokens());
        assertEquals(alone.tokens().size(), statistics.generatedTokens());
        assertTrue(statistics.decodeNanos() > 0 && statistics.firstTokenNanos() > 0);
      }
    }
  }

  @Test
  void whatCannotBeStartedLeavesThePlaceFree() throws IOException {
    try (Model model = Model.open(TinyFolder.chat(folder), TWO.withContextLength(64));
        BatchSession batch = model.openBatch(2, OPTIONS)) {
      batch.start(0, asked("hello"));
      assertThrows(IllegalStateException.class, () -> batch.start(0, asked("again")));
      assertThrows(ContextFullException.class, () -> batch.start(1, asked("x".repeat(200))));
      assertEquals(List.of(1), batch.free());
      batch.start(1, asked("a"));
      List<Integer> finished = new ArrayList<>();
      while (finished.size() < 2) {
        batch.step().forEach(end -> finished.add(end.place()));
      }
      assertEquals(List.of(0, 1), batch.free());
    }
  }

  @Test
  void whatHasNoPlaceIsRefused() throws IOException {
    try (Model model = Model.open(TinyFolder.chat(folder), TWO)) {
      assertThrows(IllegalArgumentException.class, () -> model.openBatch(0, OPTIONS));
      assertThrows(IllegalArgumentException.class, () -> model.openBatch(33, OPTIONS));
      for (GenerationOptions options :
          List.of(OPTIONS.withRaw(true), OPTIONS.withSystem("x"), OPTIONS.withStop("x"))) {
        assertThrows(IllegalArgumentException.class, () -> model.openBatch(2, options));
      }
      BatchSession batch = model.openBatch(2, OPTIONS);
      batch.close();
      batch.close();
      assertThrows(IllegalStateException.class, batch::step);
      assertThrows(IllegalStateException.class, () -> batch.start(0, asked("a")));
    }
  }

  /** The model stays open until the batch is closed, and not longer. */
  @Test
  void aBatchKeepsItsModelOpen() throws IOException {
    Model model = Model.open(TinyFolder.chat(folder), TWO);
    BatchSession batch = model.openBatch(1, OPTIONS);
    model.close();
    batch.start(0, asked("hello"));
    assertTrue(batch.step().size() <= 1);
    batch.close();
    assertThrows(IllegalStateException.class, () -> model.openBatch(1, OPTIONS));
  }
}
