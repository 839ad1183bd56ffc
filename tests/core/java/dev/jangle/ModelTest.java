package dev.jangle;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendException;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.Backends;
import dev.jangle.backend.OutOfDeviceMemoryException;
import dev.jangle.format.DType;
import dev.jangle.format.FormatException;
import dev.jangle.text.ChatMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ModelTest {
  private static final GenerationOptions OPTIONS =
      GenerationOptions.defaults().withMaxTokens(60).withTemperature(0.8).withTopK(4);

  @TempDir private static Path temporary;

  private static Path folder() throws IOException {
    return TinyFolder.chat(Files.createTempDirectory(temporary, "model"));
  }

  private static ModelOptions options() {
    return ModelOptions.defaults().withThreads(2);
  }

  @Test
  void tellsWhatItIs() throws IOException {
    List<Long> progress = new ArrayList<>();
    Path folder = folder();
    try (Model model =
        Model.open(
            folder,
            options()
                .withContextLength(200)
                .withProgress(
                    (done, total) -> {
                      progress.add(done);
                      assertTrue(done <= total);
                    }))) {
      assertEquals(folder, model.path());
      assertEquals("safetensors", model.formatName());
      assertEquals(DType.F32, model.weightFormat());
      assertEquals(288, model.config().vocabSize());
      assertEquals(200, model.contextLength());
      assertEquals(hasGpu() ? BackendKind.CUDA : BackendKind.CPU, model.backend().kind());
      assertEquals(hasGpu() ? 1 : 2, model.backend().threads());
      assertEquals(model.weightBytes(), progress.getLast());
      assertArrayEquals(
          progress.stream().sorted().mapToLong(Long::longValue).toArray(),
          progress.stream().mapToLong(Long::longValue).toArray());
      // 200 + 128 positions are 6 pages of 64, each of keys and values in F16.
      long page = 2L * 2 * 64 * model.config().kvHeads() * model.config().headDim();
      assertEquals(6 * page * model.config().layers(), model.cacheBytes());
      assertTrue(model.stepCosts().millis(1) > 0);
    }
    try (Model model = Model.open(folder)) {
      assertEquals(TinyFolder.CONTEXT, model.contextLength(), "its own, below 4,096");
    }
  }

  /** As it is where tokens were added and the embedding was not resized. */
  @Test
  void aTokenWithoutARowOfTheEmbeddingIsNamed() throws IOException {
    Path folder = folder();
    Path file = folder.resolve("tokenizer.json");
    String added =
        "\"added_tokens\": [{\"id\": 288, \"content\": \"<more>\", \"single_word\": false,"
            + " \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": false}, ";
    Files.writeString(file, Files.readString(file).replace("\"added_tokens\": [", added));
    try (Model model = Model.open(folder, options());
        Session session = model.openSession();
        BatchSession batch = model.openBatch(1, OPTIONS)) {
      FormatException e =
          assertThrows(FormatException.class, () -> session.send("one <more>", OPTIONS));
      assertTrue(e.getMessage().startsWith(folder + ": "), e::getMessage);
      assertTrue(e.getMessage().contains("the token 288, '<more>'"), e::getMessage);
      assertTrue(e.getMessage().contains("only 288 rows"), e::getMessage);
      List<ChatMessage> asked = List.of(new ChatMessage("user", "one <more>"));
      assertThrows(FormatException.class, () -> batch.start(0, asked));
      assertEquals(List.of(0), batch.free());
      assertTrue(session.send("one", OPTIONS).statistics().steps() > 0, "the session goes on");
    }
  }

  @Test
  void refusesWhatCannotBeOpened() throws IOException {
    Path missing = temporary.resolve("missing");
    NoSuchFileException none =
        assertThrows(NoSuchFileException.class, () -> Model.open(missing, options()));
    assertTrue(none.getMessage().contains("missing"), none::getMessage);

    Path without = folder();
    Files.delete(without.resolve("tokenizer.json"));
    IOException tokenizer =
        assertThrows(NoSuchFileException.class, () -> Model.open(without, options()));
    assertTrue(tokenizer.getMessage().contains("tokenizer.json"), tokenizer::getMessage);

    Path damaged = folder();
    byte[] bytes = Files.readAllBytes(damaged.resolve("model.safetensors"));
    Files.write(damaged.resolve("model.safetensors"), Arrays.copyOf(bytes, bytes.length - 100));
    FormatException format =
        assertThrows(FormatException.class, () -> Model.open(damaged, options()));
    assertTrue(format.getMessage().contains("model.safetensors"), format::getMessage);

    Path whole = folder();
    IllegalArgumentException context =
        assertThrows(
            IllegalArgumentException.class,
            () -> Model.open(whole, options().withContextLength(TinyFolder.CONTEXT + 1)));
    assertTrue(context.getMessage().contains("1,025"), context::getMessage);
    assertTrue(context.getMessage().contains("1,024"), context::getMessage);

    ModelOptions onGpu = options().withBackend(BackendKind.CUDA);
    if (hasGpu()) {
      Model.open(whole, onGpu).close();
    } else {
      BackendException cuda = assertThrows(BackendException.class, () -> Model.open(whole, onGpu));
      assertTrue(cuda.getMessage().contains("CUDA"), cuda::getMessage);
    }
  }

  @Test
  void refusesBadOptions() {
    ModelOptions options = ModelOptions.defaults();
    assertThrows(IllegalArgumentException.class, () -> options.withThreads(-1));
    assertThrows(IllegalArgumentException.class, () -> options.withThreads(257));
    assertThrows(IllegalArgumentException.class, () -> options.withContextLength(-1));
    assertThrows(IllegalArgumentException.class, () -> options.withKvFormat(DType.Q8_0));
    assertThrows(NullPointerException.class, () -> options.withBackend(null));
    assertThrows(NullPointerException.class, () -> options.withProgress(null));
    assertThrows(NullPointerException.class, () -> options.withTier(null));
  }

  @Test
  void refusesACacheThatDoesNotFit() throws IOException {
    try (Model model = Model.open(folder(), options())) {
      assertThrows(IllegalArgumentException.class, () -> model.openSession(0));
      assertThrows(IllegalArgumentException.class, () -> model.openSession(1025));
      long bytes = model.cacheBytes() * 1024;
      if (bytes > model.backend().freeBytes()) {
        assertThrows(OutOfDeviceMemoryException.class, () -> model.openSession(1024));
      } else {
        model.openSession(1024).close();
      }
      model.generate("still works", OPTIONS);
    }
  }

  private static boolean hasGpu() {
    return Backends.probe().getLast().available();
  }

  /** Whether native memory of the model was given back. */
  private static boolean closed(Backend backend) {
    try {
      backend.freeBytes();
      return false;
    } catch (IllegalStateException e) {
      return true;
    }
  }

  @Test
  void staysOpenUntilItsLastSessionCloses() throws IOException {
    Model model = Model.open(folder(), options());
    Backend backend = model.backend();
    Session session = model.openSession(2);
    List<Integer> expected = model.generate("closing", OPTIONS).tokens();
    Session fork = session.fork();
    model.close();
    model.close();
    assertThrows(IllegalStateException.class, model::openSession);
    assertThrows(IllegalStateException.class, () -> model.generate("x", OPTIONS));
    assertThrows(IllegalStateException.class, model::stepCosts);
    assertThrows(IllegalStateException.class, session::fork);
    assertEquals(expected, session.send("closing", OPTIONS).tokens());
    session.close();
    assertFalse(closed(backend));
    assertEquals(expected, fork.send("closing", OPTIONS).tokens());
    fork.close();
    assertTrue(closed(backend));
  }

  @Test
  void closesWithItsLastSessionWhateverTheOrder() throws IOException {
    Model model = Model.open(folder(), options());
    Backend backend = model.backend();
    Session session = model.openSession();
    Session fork = session.fork();
    TokenStream stream = model.stream("x", OPTIONS);
    fork.close();
    session.close();
    model.close();
    assertFalse(closed(backend), "a stream is still open");
    assertTrue(stream.hasNext());
    stream.close();
    assertTrue(closed(backend));
  }

  /** Four threads at once write what they write one after the other. */
  @ParameterizedTest
  @EnumSource
  void threadsShareAModel(Decoding decoding)
      throws IOException, InterruptedException, ExecutionException {
    String[] prompts = {"a", "the second", "third of them", "and four", "five", "sixth", "7", "8"};
    GenerationOptions options = OPTIONS.withDecoding(decoding);
    try (Model model = Model.open(folder(), options())) {
      List<GenerationResult> alone = new ArrayList<>();
      for (String prompt : prompts) {
        alone.add(model.generate(prompt, options.withDecoding(Decoding.PLAIN)));
      }
      try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
        for (int round = 0; round < 3; round++) {
          List<Future<GenerationResult>> together = new ArrayList<>();
          for (String prompt : prompts) {
            together.add(threads.submit(() -> model.generate(prompt, options)));
          }
          for (int i = 0; i < prompts.length; i++) {
            GenerationResult result = together.get(i).get();
            assertEquals(alone.get(i).tokens(), result.tokens());
            assertEquals(alone.get(i).text(), result.text());
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void statisticsAddUp(Decoding decoding) throws IOException {
    try (Model model = Model.open(folder(), options())) {
      // Words again and again, so that drafts are accepted now and then.
      String prompt = "the other and the other and ".repeat(6);
      long accepted = 0;
      for (int seed = 0; seed < 12; seed++) {
        GenerationOptions options = OPTIONS.withDecoding(decoding).withSeed(seed).withTopK(2);
        List<TokenEvent> events = new ArrayList<>();
        GenerationResult result = model.generate(prompt, options, events::add);
        Statistics s = result.statistics();
        if (s.steps() == 0) {
          continue; // the first token was an end token
        }
        check(s, events, result.stopReason());
        accepted += s.accepted();
        if (decoding == Decoding.PLAIN) {
          assertEquals(s.steps(), s.nodes());
          assertEquals(0, s.draftedPerDepth().length);
          assertEquals(1, s.meanAcceptanceLength());
          assertEquals(1, s.nodesPerStep());
          assertEquals(0, s.draftAcceptanceRate());
        }
      }
      assertEquals(decoding == Decoding.PLAIN, accepted == 0);
    }
  }

  private static void check(Statistics s, List<TokenEvent> events, StopReason reason) {
    long accepted = s.accepted();
    assertEquals(events.size(), s.generatedTokens());
    // The prompt's pass writes one token, and each step one and its accepted drafts; where the
    // last of all is an end token, that one is not kept.
    int dropped = reason == StopReason.END_TOKEN ? 1 : 0;
    assertEquals(1 + s.steps() + accepted - dropped, s.generatedTokens());
    assertEquals(1 + (double) accepted / s.steps(), s.meanAcceptanceLength(), 1e-12);
    assertEquals((double) s.nodes() / s.steps(), s.nodesPerStep(), 1e-12);
    long[] drafted = s.draftedPerDepth();
    long[] confirmed = s.acceptedPerDepth();
    assertEquals(s.nodes() - s.steps(), Arrays.stream(drafted).sum());
    assertEquals(accepted, Arrays.stream(confirmed).sum());
    assertEquals(drafted.length, confirmed.length);
    for (int depth = 0; depth < drafted.length; depth++) {
      assertTrue(confirmed[depth] <= drafted[depth]);
      assertTrue(depth == 0 ? confirmed[0] <= s.steps() : confirmed[depth] <= confirmed[depth - 1]);
    }
    Map<DraftKind, Long> bySource = new EnumMap<>(DraftKind.class);
    for (TokenEvent event : events) {
      if (event.source() != DraftKind.NONE) {
        bySource.merge(event.source(), 1L, Long::sum);
      }
    }
    // A drafted end token's source has no event, since that token is not kept.
    assertTrue(dropped == 1 || bySource.equals(s.acceptedBySource()), bySource::toString);
    if (s.nodes() > s.steps()) {
      assertEquals((double) accepted / (s.nodes() - s.steps()), s.draftAcceptanceRate(), 1e-12);
    }
    assertEquals(0, s.cachedTokens());
    assertTrue(s.promptTokens() > 0 && s.prefillNanos() > 0 && s.decodeNanos() > 0);
    assertTrue(s.firstTokenNanos() >= s.prefillNanos());
    assertTrue(s.prefillTokensPerSecond() > 0);
    assertEquals(s.generatedTokens() > 1, s.tokensPerSecond() > 0);
  }
}
