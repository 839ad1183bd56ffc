package dev.jangle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.text.StreamingDecoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tokens, texts and ends of an answer, on a model without a chat template. */
class TokenStreamTest {
  private static final GenerationOptions OPTIONS =
      GenerationOptions.defaults()
          .withRaw(true)
          .withMaxTokens(120)
          .withTemperature(0.9)
          .withTopK(4);

  @TempDir private static Path temporary;
  private static Model model;

  @BeforeAll
  static void open() throws IOException {
    Path folder = TinyFolder.write(temporary, false, (name, data) -> {});
    model = Model.open(folder, ModelOptions.defaults().withThreads(2));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  /** An answer and its events. */
  private record Answer(GenerationResult result, List<TokenEvent> events) {
    String joined() {
      return events.stream().map(TokenEvent::text).collect(Collectors.joining());
    }
  }

  private static Answer answer(String prompt, GenerationOptions options) {
    List<TokenEvent> events = new ArrayList<>();
    return new Answer(model.generate(prompt, options, events::add), events);
  }

  /**
   * The options with the first seed whose answer does not end by itself. Which that is depends on
   * the processor: its instruction sets round in their own ways.
   */
  private static GenerationOptions lasting(String prompt, GenerationOptions options) {
    for (int seed = 0; seed < 200; seed++) {
      GenerationOptions seeded = options.withSeed(seed);
      GenerationResult result = model.generate(prompt, seeded.withDecoding(Decoding.PLAIN));
      if (result.stopReason() == StopReason.MAX_TOKENS) {
        return seeded;
      }
    }
    throw new AssertionError("every answer ends by itself");
  }

  /** The text of tokens. */
  private static String text(List<Integer> tokens) {
    int[] ids = tokens.stream().mapToInt(Integer::intValue).toArray();
    return model.tokenizer().decode(ids, true);
  }

  @ParameterizedTest
  @EnumSource
  void theTextsOfTheEventsAreTheResult(Decoding decoding) {
    boolean halfCharacters = false;
    for (int seed = 0; seed < 15; seed++) {
      Answer answer = answer("the number " + seed, OPTIONS.withSeed(seed).withDecoding(decoding));
      GenerationResult result = answer.result;
      assertEquals(result.text(), answer.joined());
      assertEquals(text(result.tokens()), result.text());
      assertEquals(result.tokens(), answer.events.stream().map(TokenEvent::token).toList());
      assertEquals(result.statistics().generatedTokens(), result.tokens().size());
      halfCharacters |= answer.events.stream().anyMatch(event -> event.text().isEmpty());
      checkSteps(answer);
    }
    assertTrue(halfCharacters, "no token was half a character");
  }

  /**
   * Step 0 is the prompt's and has one token; no step is left out; one token each is not drafted.
   */
  private static void checkSteps(Answer answer) {
    int step = 0;
    for (int i = 0; i < answer.events.size(); i++) {
      TokenEvent event = answer.events.get(i);
      assertTrue(event.step() == step || event.step() == step + 1);
      assertTrue(i == 0 || event.step() > 0);
      if (event.step() == step + 1 || i == 0) {
        assertTrue(i == 0 || answer.events.get(i - 1).source() == DraftKind.NONE);
      }
      step = event.step();
    }
    int last = answer.result.statistics().steps();
    boolean endToken = answer.result.stopReason() == StopReason.END_TOKEN;
    assertTrue(step == last || (endToken && step == last - 1));
  }

  @ParameterizedTest
  @EnumSource
  void writesExactlyTheTokensAskedFor(Decoding decoding) {
    GenerationOptions options = lasting("exactly", OPTIONS);
    List<Integer> all = answer("exactly", options.withDecoding(Decoding.PLAIN)).result.tokens();
    assertEquals(120, all.size());
    for (int most : new int[] {1, 2, 3, 4, 5, 7, 10, 33, 64, 65, 119}) {
      GenerationResult result =
          answer("exactly", options.withDecoding(decoding).withMaxTokens(most)).result;
      assertEquals(all.subList(0, most), result.tokens());
      assertEquals(StopReason.MAX_TOKENS, result.stopReason());
    }
  }

  @ParameterizedTest
  @EnumSource
  void endsAtAnEndToken(Decoding decoding) {
    Set<Integer> ends = model.tokenizer().endTokens();
    assertFalse(ends.isEmpty());
    int found = 0;
    for (int seed = 0; seed < 20; seed++) {
      GenerationOptions options = OPTIONS.withTemperature(2).withTopK(0).withSeed(seed);
      GenerationResult plain = answer("end", options.withDecoding(Decoding.PLAIN)).result;
      GenerationResult result = answer("end", options.withDecoding(decoding)).result;
      assertEquals(plain.tokens(), result.tokens());
      assertEquals(plain.stopReason(), result.stopReason());
      assertTrue(result.tokens().stream().noneMatch(ends::contains));
      found += result.stopReason() == StopReason.END_TOKEN ? 1 : 0;
      assertEquals(result.stopReason() == StopReason.END_TOKEN, result.tokens().size() < 120);
    }
    assertTrue(found >= 3, "only " + found + " answers had an end token");
  }

  /** Stop strings cut from the answer itself: within a token, across tokens and across steps. */
  @ParameterizedTest
  @EnumSource
  void endsBeforeAStopString(Decoding decoding) {
    Random random = new Random(3);
    GenerationOptions options = lasting("stop", OPTIONS).withDecoding(decoding);
    GenerationResult whole = answer("stop", options.withDecoding(Decoding.PLAIN)).result;
    for (int round = 0; round < 30; round++) {
      String text = whole.text();
      int from = random.nextInt(text.length() - 8);
      String stop = text.substring(from, from + 1 + random.nextInt(7));
      Answer answer = answer("stop", options.withStop("not there \u1234", stop));
      int at = text.indexOf(stop);
      assertEquals(text.substring(0, at), answer.result.text());
      assertEquals(answer.result.text(), answer.joined());
      assertEquals(StopReason.STOP_STRING, answer.result.stopReason());
      // The tokens reach to the one that completes the stop string, and no further.
      int reach = tokensUntil(whole.tokens(), at + stop.length());
      assertEquals(whole.tokens().subList(0, reach), answer.result.tokens());
      assertEquals(reach, answer.events.size());
    }
  }

  /** Whatever else ends the decoder in the step that completes it, and in plain decoding too. */
  @ParameterizedTest
  @EnumSource
  void aStopStringIsTheReasonWhereverTheStepEnds(Decoding decoding) {
    GenerationOptions options = lasting("last", OPTIONS).withDecoding(decoding);
    GenerationResult whole = answer("last", options.withDecoding(Decoding.PLAIN)).result;
    int checked = 0;
    for (int most = 20; most < 120; most += 3) {
      String text = text(whole.tokens().subList(0, most));
      for (int before = 0; before < 3; before++) {
        String stop = text.substring(text.length() - 4 - before, text.length() - before);
        if (stop.contains("\uFFFD") || text.indexOf(stop) < text.length() - 4 - before) {
          continue; // half a character, or an earlier end
        }
        checked++;
        GenerationResult result = answer("last", options.withMaxTokens(most).withStop(stop)).result;
        assertEquals(StopReason.STOP_STRING, result.stopReason(), "within " + most + " tokens");
        assertEquals(text.substring(0, text.indexOf(stop)), result.text());
      }
    }
    assertTrue(checked > 10, checked + " stop strings");
  }

  /** How many tokens it takes to write so much text. */
  private static int tokensUntil(List<Integer> tokens, int length) {
    StreamingDecoder decoder = new StreamingDecoder(model.tokenizer(), true);
    int written = 0;
    for (int i = 0; i < tokens.size(); i++) {
      written += decoder.push(tokens.get(i)).length();
      if (written >= length) {
        return i + 1;
      }
    }
    return tokens.size();
  }

  /** What looked like the beginning of a stop string comes out at the end. */
  @Test
  void heldBackTextComesOutAtTheEnd() {
    GenerationOptions options = lasting("held", OPTIONS);
    GenerationResult whole = answer("held", options).result;
    String tail = whole.text().substring(whole.text().length() - 3);
    Answer answer = answer("held", options.withStop(tail + "\u1234"));
    assertEquals(whole.text(), answer.result.text());
    assertEquals(whole.text(), answer.joined());
    assertEquals(StopReason.MAX_TOKENS, answer.result.stopReason());
  }

  @Test
  void anotherThreadCancels() throws InterruptedException {
    GenerationOptions options = lasting("cancel", OPTIONS.withMaxTokens(200));
    List<Integer> all = answer("cancel", options).result.tokens();
    try (Session session = model.openSession()) {
      List<Integer> read = new ArrayList<>();
      CountDownLatch five = new CountDownLatch(1);
      CountDownLatch cancelled = new CountDownLatch(1);
      GenerationResult result;
      try (TokenStream stream = session.stream("cancel", options)) {
        Thread other =
            new Thread(
                () -> {
                  try {
                    five.await();
                  } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                  }
                  stream.cancel();
                  cancelled.countDown();
                });
        other.start();
        while (stream.hasNext()) {
          read.add(stream.next().token());
          if (read.size() == 5) {
            five.countDown();
            cancelled.await();
          }
        }
        other.join();
        result = stream.result();
      }
      assertEquals(StopReason.CANCELLED, result.stopReason());
      assertEquals(read, result.tokens());
      assertEquals(all.subList(0, read.size()), read);
      assertTrue(read.size() >= 5 && read.size() < 5 + 128, "tokens of one more step at most");
      assertEquals(all, session.send("cancel", options).tokens());
    }
  }

  @Test
  void cancelledBeforeItBegan() {
    try (Session session = model.openSession();
        TokenStream stream = session.stream("cancel", OPTIONS)) {
      stream.cancel();
      assertFalse(stream.hasNext());
      assertEquals(StopReason.CANCELLED, stream.result().stopReason());
      assertEquals(List.of(), stream.result().tokens());
      assertEquals("", stream.result().text());
      assertEquals(0, session.cachedTokenCount(), "nothing was computed");
    }
  }

  /** Its memory would go while the pass runs. */
  @Test
  void anotherThreadCannotCloseAStreamDuringAPass() throws Exception {
    try (Session session = model.openSession();
        ExecutorService other = Executors.newSingleThreadExecutor()) {
      TokenStream stream = session.stream("a long prompt ".repeat(60), OPTIONS.withMaxTokens(1));
      Future<Boolean> first = other.submit(stream::hasNext);
      int refused = 0;
      while (!first.isDone()) {
        try {
          stream.close();
          // It came before the other thread: the prompt anew.
          first.get();
          stream = session.stream("a long prompt ".repeat(60), OPTIONS.withMaxTokens(1));
          first = other.submit(stream::hasNext);
        } catch (IllegalStateException e) {
          assertTrue(e.getMessage().contains("cancel()"), e::getMessage);
          refused++;
        }
      }
      assertTrue(refused > 0, "never closed during the pass");
      assertTrue(first.get(), "the answer goes on");
      stream.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void closedEarlyTheSessionIsUsable(Decoding decoding) {
    GenerationOptions options = lasting("close early", OPTIONS).withDecoding(decoding);
    GenerationResult whole = answer("close early", options).result;
    try (Session session = model.openSession()) {
      for (int read : new int[] {0, 1, 2, 9, 50}) {
        TokenStream stream = session.stream("close early", options);
        for (int i = 0; i < read; i++) {
          assertEquals(whole.tokens().get(i), stream.next().token());
        }
        stream.close();
        stream.close();
        assertThrows(IllegalStateException.class, stream::result);
        GenerationResult again = session.send("close early", options);
        assertEquals(whole.tokens(), again.tokens());
        assertEquals(whole.text(), again.text());
      }
    }
  }

  @Test
  void thereIsNoResultBeforeTheEnd() {
    GenerationOptions options = lasting("result", OPTIONS.withMaxTokens(3));
    try (Session session = model.openSession();
        TokenStream stream = session.stream("result", options)) {
      IllegalStateException e = assertThrows(IllegalStateException.class, stream::result);
      assertTrue(e.getMessage().contains("read all events"), e::getMessage);
      for (int i = 0; i < 3; i++) {
        assertThrows(IllegalStateException.class, stream::result);
        assertTrue(stream.hasNext());
        assertThrows(IllegalStateException.class, stream::result, "an event is not read yet");
        stream.next();
      }
      assertFalse(stream.hasNext());
      assertEquals(3, stream.result().tokens().size());
      assertThrows(NoSuchElementException.class, stream::next);
    }
  }

  /** {@link Model#stream} closes its session with the stream. */
  @Test
  void aStreamOfTheModelClosesItsSession() {
    for (int i = 0; i < 3; i++) {
      TokenStream stream = model.stream("model", OPTIONS);
      assertTrue(stream.hasNext());
      stream.close();
      stream.close();
    }
    assertThrows(IllegalArgumentException.class, () -> model.stream("", OPTIONS));
  }

  @Test
  void theSeedChoosesTheAnswer() {
    GenerationOptions options = lasting("seed", OPTIONS);
    List<Integer> one = answer("seed", options).result.tokens();
    assertEquals(one, answer("seed", options).result.tokens());
    assertNotEquals(one, answer("seed", options.withSeed(~options.seed())).result.tokens());
    GenerationOptions greedy = OPTIONS.withTemperature(0);
    assertEquals(
        answer("seed", greedy.withSeed(1)).result.tokens(),
        answer("seed", greedy.withSeed(2)).result.tokens());
  }
}
