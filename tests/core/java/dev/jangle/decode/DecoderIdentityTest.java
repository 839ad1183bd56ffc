package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.jangle.GenerationOptions;
import dev.jangle.backend.Machine;
import dev.jangle.backend.Tier;
import dev.jangle.format.DType;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The promise: token ids, and the logits along the accepted path, have the bits of plain decoding,
 * for every planner, tree, thread count, tier, weight format and cache format, greedy and sampled.
 * Every generation starts on a cache full of NaN, and crosses pages of the cache.
 *
 * <p>Random models write random text; a new random prompt every few hundred tokens keeps them from
 * looping.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DecoderIdentityTest {
  private static final int CONTEXT = 700;
  private static final int SEGMENTS = 5;

  private static final List<String> MODELS =
      List.of(
          "llama2",
          "smollm2",
          "tinyllama",
          "qwen2",
          "gguf_q4_1",
          "qwen3",
          "gguf_q8_0",
          "gguf_q4_0",
          "gguf_bf16");

  private enum Way {
    JACOBI,
    PAPER,
    AUTO,
    CHEATING
  }

  private record Family(Tier tier, Way way) {
    /** The scalar tier is 30 times slower than others, the emulated GPU more: they get fewer. */
    int segmentTokens() {
      return switch (tier) {
        case SCALAR -> 50;
        case CUDA -> 60;
        default -> 260;
      };
    }

    /** A chain has the least that can go wrong. */
    int segments() {
      return way == Way.JACOBI ? 3 : SEGMENTS;
    }

    int mostPromptTokens() {
      return tier == Tier.CUDA ? 80 : CONTEXT - 400;
    }

    /** Of a pass of 128 rows, in passes of one row: the less, the larger the trees. */
    double leastCost() {
      return tier == Tier.CUDA ? 12 : 1.1;
    }

    int leastTokens() {
      return switch (tier) {
        case SCALAR -> way == Way.JACOBI ? 2_000 : 3_000;
        case CUDA -> way == Way.JACOBI ? 500 : 1_000;
        default -> 10_000;
      };
    }

    /** Random models cannot denoise: of their Jacobi drafts a few in a hundred are right. */
    double mostStepsPerToken() {
      return way == Way.JACOBI ? 0.99 : 0.95;
    }
  }

  /** Tokens and steps of a family so far. */
  private record Count(long tokens, long steps) {
    static Count of(DecodeRun.Trace trace) {
      return new Count(trace.tokens().length, trace.statistics().steps());
    }

    Count plus(Count other) {
      return new Count(tokens + other.tokens, steps + other.steps);
    }
  }

  private final Map<Family, Count> counts = new HashMap<>();

  static Stream<Arguments> models() {
    return Machine.tiers()
        .flatMap(
            tier ->
                (tier == Tier.CUDA ? MODELS.subList(5, 9) : MODELS)
                    .stream().map(name -> Arguments.of(name, tier)));
  }

  @ParameterizedTest
  @MethodSource("models")
  void tokensAndLogitsAreThoseOfPlainDecoding(String name, Tier tier) throws IOException {
    Random random = new Random(name.hashCode());
    List<DType> caches = tier == Tier.CUDA ? List.of(DType.F16) : List.of(DType.F16, DType.F32);
    for (DType cache : caches) {
      try (DecodeRun one = open(name, tier, 1, cache);
          DecodeRun two = open(name, tier, 2, cache);
          DecodeRun three = open(name, tier, 3, cache)) {
        List<DecodeRun> runs = List.of(one, two, three);
        RecyclingTable recycling = new RecyclingTable(one.vocabSize());
        for (int segment = 0; segment < SEGMENTS; segment++) {
          int longest = new Family(tier, Way.AUTO).mostPromptTokens();
          int[] prompt = prompt(random, one.vocabSize(), 1 + random.nextInt(longest));
          GenerationOptions options = options(tier, random, segment);
          Set<Integer> ends = segment == 0 ? Set.of(2, 5) : Set.of();
          one.poison();
          DecodeRun.Trace plain =
              one.generate(prompt, options, ends, history -> new PlainPlanner());
          for (Way way : Way.values()) {
            if (segment >= new Family(tier, way).segments()) {
              continue;
            }
            int threads = 1 + random.nextInt(3);
            String what =
                "%s, %s, %d threads, cache %s, segment %d, %s"
                    .formatted(name, tier, threads, cache, segment, way);
            DecodeRun run = runs.get(threads - 1);
            run.poison();
            DecodeRun.Trace found =
                run.generate(
                    prompt,
                    options,
                    ends,
                    planner(tier, way, prompt, plain, recycling, random, run));
            assertSame(plain, found, what);
            counts.merge(new Family(tier, way), Count.of(found), Count::plus);
          }
        }
      }
    }
  }

  /** The cache after an accelerated turn serves the next turn as that after a plain one does. */
  @ParameterizedTest
  @MethodSource("models")
  void theNextTurnIsTheSame(String name, Tier tier) throws IOException {
    Random random = new Random(name.hashCode() + 1);
    try (DecodeRun run = open(name, tier, 2, DType.F16)) {
      int vocab = run.vocabSize();
      RecyclingTable recycling = new RecyclingTable(vocab);
      for (int conversation = 0; conversation < 3; conversation += tier == Tier.CUDA ? 2 : 1) {
        int[] first = prompt(random, vocab, 40 + random.nextInt(60));
        GenerationOptions options =
            options(tier, random, conversation).withMaxTokens(30 + random.nextInt(40));
        int[] more = prompt(random, vocab, 1 + random.nextInt(30));
        boolean changed = conversation == 2; // a conversation that goes on from its middle
        run.poison();
        DecodeRun.Trace plain = run.generate(first, options, Set.of(), h -> new PlainPlanner());
        int cached = run.cached();
        int[] second = concat(first, plain.tokens(), more);
        int kept = changed ? first.length + 11 : cached;
        if (changed) {
          second[kept] = (second[kept] + 1) % vocab;
        }
        run.truncate(kept);
        DecodeRun.Trace next = run.generate(second, options, Set.of(), h -> new PlainPlanner());
        assertEquals(kept, next.statistics().cachedTokens());
        for (Way way : Way.values()) {
          if (tier == Tier.CUDA && way == Way.PAPER) {
            continue;
          }
          String what = "%s, %s, conversation %d, %s".formatted(name, tier, conversation, way);
          run.poison();
          DecodeRun.Trace turn =
              run.generate(
                  first,
                  options,
                  Set.of(),
                  planner(tier, way, first, plain, recycling, random, run));
          assertSame(plain, turn, what);
          assertEquals(cached, run.cached(), what);
          run.truncate(kept);
          DecodeRun.Trace found = run.generate(second, options, Set.of(), h -> new PlainPlanner());
          assertSame(next, found, what + ", second turn");
        }
      }
    }
  }

  /** What was tested, and that it was enough, and that drafts were accepted at all. */
  @AfterAll
  void enoughTokens() {
    counts.forEach(
        (family, count) -> {
          System.out.println(family + ": " + count);
          assertTrue(count.tokens() >= family.leastTokens(), family + ": " + count);
          assertTrue(
              count.steps() < family.mostStepsPerToken() * count.tokens(), family + ": " + count);
        });
  }

  private static DecodeRun open(String name, Tier tier, int threads, DType cache)
      throws IOException {
    return new DecodeRun(DecodeRun.fixture(name), new Machine(tier, threads), cache, CONTEXT);
  }

  private static int[] prompt(Random random, int vocab, int length) {
    return random.ints(length, 0, vocab).toArray();
  }

  private static GenerationOptions options(Tier tier, Random random, int segment) {
    GenerationOptions options =
        GenerationOptions.defaults()
            .withMaxTokens(new Family(tier, Way.AUTO).segmentTokens())
            .withSeed(random.nextLong());
    return switch (segment % 5) {
      case 0 -> options.withTemperature(1);
      case 1 -> options;
      case 2 -> options.withTemperature(0.7).withTopK(3);
      case 3 -> options.withTemperature(1.3).withTopP(0.8);
      default -> options.withTemperature(0.9).withMinP(0.1).withTopK(20);
    };
  }

  private static Function<TokenHistory, TreePlanner> planner(
      Tier tier,
      Way way,
      int[] prompt,
      DecodeRun.Trace plain,
      RecyclingTable recycling,
      Random random,
      DecodeRun run) {
    int topK = random.nextBoolean() ? 0 : 1 + random.nextInt(Chooser.MOST_TOP);
    double least = new Family(tier, way).leastCost();
    double last = (random.nextBoolean() ? 1 : 3) * least * 1e6;
    StepCosts costs = new StepCosts(new int[] {1, 128}, new double[] {1e6, last}, 0);
    long seed = random.nextLong();
    return switch (way) {
      case JACOBI -> JacobiPlanner::new;
      case PAPER -> PaperPlanner::new;
      case AUTO -> history -> new AutoPlanner(costs, history, recycling);
      case CHEATING ->
          history ->
              new CheatingPlanner(
                  history, prompt.length, plain.tokens(), run.vocabSize(), topK, seed);
    };
  }

  private static int[] concat(int[]... parts) {
    return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
  }

  static void assertSame(DecodeRun.Trace plain, DecodeRun.Trace found, String what) {
    assertArrayEquals(plain.tokens(), found.tokens(), what);
    assertEquals(plain.stopReason(), found.stopReason(), what);
    for (int i = 0; i < plain.tokens().length; i++) {
      float[] expected = plain.logits()[i];
      float[] row = found.logits()[i];
      for (int j = 0; j < expected.length; j++) {
        if (Float.floatToRawIntBits(expected[j]) != Float.floatToRawIntBits(row[j])) {
          fail(
              "%s: token %d, logit %d: %s, expected %s".formatted(what, i, j, row[j], expected[j]));
        }
      }
    }
  }
}
