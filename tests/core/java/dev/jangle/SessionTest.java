package dev.jangle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.text.ChatMessage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Conversations: what is computed anew, what is kept, what is refused. */
class SessionTest {
  private static final GenerationOptions CHAT =
      GenerationOptions.defaults().withMaxTokens(30).withTemperature(0.8).withTopK(4);
  private static final GenerationOptions RAW = CHAT.withRaw(true);

  @TempDir private static Path temporary;
  private static Model model;

  @BeforeAll
  static void open() throws IOException {
    model = Model.open(TinyFolder.chat(temporary), ModelOptions.defaults().withThreads(2));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static int[] concat(int[] prompt, GenerationResult result) {
    return IntStream.concat(
            Arrays.stream(prompt), result.tokens().stream().mapToInt(Integer::intValue))
        .toArray();
  }

  private static int commonPrefix(int[] a, int[] b) {
    int mismatch = Arrays.mismatch(a, b);
    return mismatch < 0 ? a.length : mismatch;
  }

  private static int[] chatPrompt(List<ChatMessage> messages, String message) {
    List<ChatMessage> all = new ArrayList<>(messages);
    all.add(new ChatMessage("user", message));
    return model.tokenizer().encodeChat(all, true);
  }

  private static int[] rawPrompt(String text) {
    return model.tokenizer().encode(text, true, false);
  }

  @ParameterizedTest
  @EnumSource
  void aConversationGoesOnAsInPlainDecoding(Decoding decoding) {
    try (Session plain = model.openSession();
        Session session = model.openSession()) {
      String[] turns = {"hello", "and the other thing", "is it so", "the end"};
      for (int turn = 0; turn < turns.length; turn++) {
        GenerationOptions options = CHAT.withSeed(turn).withSystem("be brief");
        GenerationResult expected = plain.send(turns[turn], options.withDecoding(Decoding.PLAIN));
        GenerationResult found = session.send(turns[turn], options.withDecoding(decoding));
        assertEquals(expected.tokens(), found.tokens());
        assertEquals(expected.text(), found.text());
        assertEquals(expected.stopReason(), found.stopReason());
        assertEquals(plain.messages(), session.messages());
        assertEquals(plain.cachedTokenCount(), session.cachedTokenCount());
        assertEquals(expected.statistics().cachedTokens(), found.statistics().cachedTokens());
      }
      assertEquals(9, session.messages().size());
      assertEquals(new ChatMessage("system", "be brief"), session.messages().get(0));
      assertEquals("assistant", session.messages().get(8).role());
    }
  }

  /**
   * A turn computes only what the cache does not hold: the prompt's tokens past the common part.
   */
  @Test
  void aTurnComputesOnlyWhatIsNew() {
    try (Session session = model.openSession()) {
      int[] cached = {};
      for (String message : new String[] {"first", "second one", "third"}) {
        int[] prompt = chatPrompt(session.messages(), message);
        GenerationResult result = session.send(message, CHAT);
        assertEquals(prompt.length, result.statistics().promptTokens());
        assertEquals(commonPrefix(cached, prompt), result.statistics().cachedTokens());
        cached = Arrays.copyOf(concat(prompt, result), session.cachedTokenCount());
        assertTrue(session.cachedTokenCount() >= prompt.length);
      }
    }
  }

  @Test
  void rawPromptsReuseTheirCommonBeginning() {
    String first = "once upon a time there was a thing";
    try (Session session = model.openSession()) {
      int[] cached = {};
      String[] texts = {
        first,
        first, // the same again: all but the last token
        first + " and another",
        first.substring(0, 11) + " somewhere else", // changed in the middle
        "nothing of it",
        first
      };
      for (String text : texts) {
        int[] prompt = rawPrompt(text);
        GenerationResult result = session.send(text, RAW);
        int expected = Math.min(commonPrefix(cached, prompt), prompt.length - 1);
        assertEquals(expected, result.statistics().cachedTokens(), text);
        assertEquals(model.generate(text, RAW).tokens(), result.tokens(), text);
        cached = Arrays.copyOf(concat(prompt, result), session.cachedTokenCount());
      }
      assertEquals(List.of(), session.messages(), "raw prompts are no conversation");
    }
  }

  /** The answer's own tokens are reused, too, where the next prompt goes on from its text. */
  @Test
  void theAnswerIsReused() {
    String text = "the answer in the cache";
    try (Session session = model.openSession()) {
      int longest = 0;
      for (int seed = 0; seed < 20; seed++) {
        GenerationResult result = session.send(text, RAW.withSeed(seed));
        int[] prompt = rawPrompt(text + result.text() + " more");
        int[] cached = Arrays.copyOf(concat(rawPrompt(text), result), session.cachedTokenCount());
        int expected = commonPrefix(cached, prompt);
        GenerationResult next = session.send(text + result.text() + " more", RAW);
        assertEquals(expected, next.statistics().cachedTokens());
        longest = Math.max(longest, expected - rawPrompt(text).length);
      }
      assertTrue(longest > 0, "no answer's text had the tokens that it was written in");
    }
  }

  @Test
  void withoutATemplateTextIsTakenAsItIs() throws IOException {
    try (Model plain = Model.open(TinyFolder.gguf("gguf_q8_0"));
        Session session = plain.openSession()) {
      assertTrue(plain.tokenizer().chatTemplate().isEmpty());
      GenerationResult result = session.send("as it is", CHAT);
      assertEquals(
          plain.tokenizer().encode("as it is", true, false).length,
          result.statistics().promptTokens());
      assertEquals(List.of(), session.messages());
      IllegalArgumentException refusal =
          assertThrows(
              IllegalArgumentException.class,
              () -> session.send("as it is", CHAT.withSystem("be brief")));
      assertTrue(refusal.getMessage().contains("no chat template"), refusal.getMessage());
      assertEquals(result.text(), session.send("as it is", CHAT).text(), "the session goes on");
    }
  }

  @Test
  void anAnswerThatWasNotReadStaysOut() {
    try (Session session = model.openSession()) {
      session.send("one", CHAT);
      List<ChatMessage> before = session.messages();
      try (TokenStream stream = session.stream("two", CHAT)) {
        stream.next();
      }
      assertEquals(before, session.messages());
      try (TokenStream stream = session.stream("two", CHAT.withMaxTokens(1))) {
        assertTrue(stream.hasNext(), "the answer has ended, but its event was not read");
      }
      assertEquals(before, session.messages());
      assertEquals(4, sendAndCount(session, "two"));
    }
  }

  @Test
  void aTurnThatWasCancelledBeforeItsFirstTokenStaysOut() {
    try (Session session = model.openSession()) {
      session.send("one", CHAT);
      List<ChatMessage> before = session.messages();
      try (TokenStream stream = session.stream("two", CHAT)) {
        stream.cancel();
        assertFalse(stream.hasNext());
        assertEquals(StopReason.CANCELLED, stream.result().stopReason());
      }
      assertEquals(before, session.messages());
      try (TokenStream stream = session.stream("two", CHAT)) {
        stream.next();
        stream.cancel();
        while (stream.hasNext()) {
          stream.next();
        }
      }
      assertEquals(4, session.messages().size(), "what was written of an answer counts");
    }
  }

  private static int sendAndCount(Session session, String message) {
    session.send(message, CHAT);
    return session.messages().size();
  }

  /** Two forks and their origin, read in turns, write what sessions of their own would write. */
  @ParameterizedTest
  @EnumSource
  void forksAreIndependent(Decoding decoding) {
    GenerationOptions options = CHAT.withDecoding(decoding).withMaxTokens(80);
    String[] messages = {"go left", "go right", "go on and on"};
    List<GenerationResult> expected = new ArrayList<>();
    for (String message : messages) {
      try (Session alone = model.openSession()) {
        alone.send("where", options);
        expected.add(alone.send(message, options));
      }
    }
    try (Session session = model.openSession(3)) {
      session.send("where", options);
      int past = session.cachedTokenCount();
      try (Session one = session.fork();
          Session two = one.fork()) {
        assertEquals(past, two.cachedTokenCount());
        assertEquals(session.messages(), two.messages());
        List<TokenStream> streams =
            List.of(
                session.stream(messages[0], options),
                one.stream(messages[1], options),
                two.stream(messages[2], options));
        boolean more = true;
        while (more) {
          more = false;
          for (TokenStream stream : streams) {
            if (stream.hasNext()) {
              stream.next();
              more = true;
            }
          }
        }
        for (int i = 0; i < messages.length; i++) {
          assertEquals(expected.get(i).tokens(), streams.get(i).result().tokens());
          assertEquals(
              expected.get(i).statistics().cachedTokens(),
              streams.get(i).result().statistics().cachedTokens());
          streams.get(i).close();
        }
        assertEquals("go right", one.messages().get(2).content());
        assertEquals("go on and on", two.messages().get(2).content());
      }
      assertEquals(4, session.messages().size());
    }
  }

  private static void refused(String part, Executable call) {
    IllegalStateException e = assertThrows(IllegalStateException.class, call);
    assertTrue(e.getMessage().contains(part), e::getMessage);
  }

  @Test
  void anotherThreadIsRefusedWhileAnAnswerRuns() throws InterruptedException {
    try (Session session = model.openSession()) {
      GenerationResult expected = model.generate("two threads", RAW);
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      List<Integer> tokens = new ArrayList<>();
      session.send(
          "two threads",
          RAW,
          event -> {
            tokens.add(event.token());
            if (tokens.size() == 3) {
              Thread other =
                  new Thread(
                      () -> {
                        try {
                          session.send("mine", RAW);
                        } catch (IllegalStateException e) {
                          thrown.set(e);
                        }
                      });
              other.start();
              try {
                other.join();
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            }
          });
      assertTrue(thrown.get().getMessage().contains("in use"), () -> thrown.get().getMessage());
      assertEquals(expected.tokens(), tokens);
    }
  }

  @Test
  void anOpenStreamOccupiesTheSession() {
    try (Session session = model.openSession()) {
      try (TokenStream stream = session.stream("open", RAW)) {
        stream.next();
        refused("in use", () -> session.send("other", RAW));
        refused("in use", () -> session.stream("other", RAW));
        refused("in use", session::fork);
        refused("stream", session::close);
        while (stream.hasNext()) {
          stream.next();
        }
        refused("in use", () -> session.send("other", RAW));
        stream.result();
      }
      session.send("other", RAW);
    }
  }

  @Test
  void aListenerThatThrowsEndsTheAnswer() {
    try (Session session = model.openSession()) {
      assertThrows(
          ArrayStoreException.class,
          () ->
              session.send(
                  "listen",
                  CHAT,
                  event -> {
                    throw new ArrayStoreException();
                  }));
      assertEquals(List.of(), session.messages());
      assertEquals(model.generate("listen", CHAT).tokens(), session.send("listen", CHAT).tokens());
    }
  }

  @Test
  void aClosedSessionIsRefused() {
    Session session = model.openSession();
    session.close();
    session.close();
    refused("closed", () -> session.send("x", RAW));
    refused("closed", session::fork);
  }

  @Test
  void anEmptyPromptIsRefused() {
    try (Session session = model.openSession()) {
      assertThrows(IllegalArgumentException.class, () -> session.send("", RAW));
      assertTrue(
          session.send("", CHAT).statistics().promptTokens() > 0, "an empty message is none");
    }
  }
}
