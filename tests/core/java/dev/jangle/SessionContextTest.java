package dev.jangle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.cache.ContextFullException;
import dev.jangle.text.ChatMessage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The end of the context, and of the cache's pages. */
class SessionContextTest {
  private static final int CONTEXT = 512;
  private static final GenerationOptions CHAT =
      GenerationOptions.defaults().withMaxTokens(30).withTemperature(0.8).withTopK(4);
  private static final GenerationOptions RAW = CHAT.withRaw(true);

  @TempDir private static Path temporary;
  private static Model model;

  @BeforeAll
  static void open() throws IOException {
    model =
        Model.open(
            TinyFolder.chat(temporary),
            ModelOptions.defaults().withThreads(2).withContextLength(CONTEXT));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static String longText(int tokens) {
    return "x".repeat(tokens); // no merge has an x
  }

  @Test
  void aPromptLongerThanTheContextIsRefusedAndNothingIsLost() {
    try (Session session = model.openSession();
        Session other = model.openSession()) {
      GenerationResult first = session.send("one", CHAT);
      other.send("one", CHAT);
      int cached = session.cachedTokenCount();
      List<ChatMessage> messages = session.messages();
      ContextFullException e =
          assertThrows(ContextFullException.class, () -> session.send(longText(CONTEXT), CHAT));
      assertTrue(e.getMessage().contains("the context 512"), e::getMessage);
      assertTrue(e.getMessage().contains("longer context"), e::getMessage);
      assertEquals(cached, session.cachedTokenCount());
      assertEquals(messages, session.messages());
      assertThrows(
          ContextFullException.class, () -> session.send(longText(CONTEXT), RAW), "exactly full");
      GenerationResult next = session.send("two", CHAT);
      assertTrue(next.statistics().cachedTokens() >= first.statistics().promptTokens());
      assertEquals(other.send("two", CHAT).tokens(), next.tokens());
    }
  }

  @ParameterizedTest
  @EnumSource
  void theAnswerFillsTheContextExactly(Decoding decoding) {
    GenerationOptions options = RAW.withMaxTokens(100_000).withTopK(0).withDecoding(decoding);
    try (Session session = model.openSession()) {
      int full = 0;
      for (int prompt :
          new int[] {CONTEXT - 1, CONTEXT - 2, CONTEXT - 3, CONTEXT - 9, CONTEXT - 70}) {
        GenerationResult plain =
            model.generate(longText(prompt), options.withDecoding(Decoding.PLAIN));
        GenerationResult result = session.send(longText(prompt), options);
        assertEquals(plain.tokens(), result.tokens());
        assertEquals(plain.stopReason(), result.stopReason());
        if (result.stopReason() == StopReason.CONTEXT_FULL) {
          assertEquals(CONTEXT, prompt + result.tokens().size());
          full++;
        }
      }
      assertTrue(full > 0);
    }
  }

  /** Forks that were given no room of their own: the one that fills the pool is told so. */
  @Test
  void aForkWithoutRoomIsRefusedAndGoesOnLater() {
    try (Session session = model.openSession(1)) {
      session.send("shared", CHAT);
      List<ChatMessage> messages = session.messages();
      try (Session fork = session.fork()) {
        fork.send(longText(400), RAW);
        assertThrows(ContextFullException.class, () -> session.send(longText(400), CHAT));
        assertEquals(messages, session.messages());
        assertThrows(ContextFullException.class, () -> session.send(longText(400), CHAT));
      }
      GenerationResult result = session.send(longText(400), CHAT);
      try (Session alone = model.openSession()) {
        alone.send("shared", CHAT);
        assertEquals(alone.send(longText(400), CHAT).tokens(), result.tokens());
      }
    }
  }

  /** A pass that failed leaves its stream at its end, and no result. */
  @Test
  void aFailedStreamDoesNotGoOn() {
    try (Session session = model.openSession(1);
        Session fork = session.fork()) {
      fork.send(longText(400), RAW);
      try (TokenStream stream = session.stream(longText(500), RAW)) {
        assertThrows(ContextFullException.class, stream::hasNext);
        assertFalse(stream.hasNext());
        assertThrows(IllegalStateException.class, stream::result);
      }
      assertEquals(model.generate("short", RAW).tokens(), session.send("short", RAW).tokens());
    }
  }
}
