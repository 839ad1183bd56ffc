package dev.jangle.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.Backend;
import dev.jangle.backend.Machine;
import dev.jangle.backend.Tier;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The forward pass against transformers: logits, greedy text, and the same bits for one pass over a
 * text and for a pass per token.
 *
 * <p>The bound of an error is twice that of transformers itself, plus 4 units in the last place of
 * the largest logit. Transformers' error is that of float32 arithmetic where activations stay
 * float32. Where the kernels round them (to int8 per block of 32 for weights of 8 and 4 bits; to
 * bfloat16 for BF16 weights in the tiers AVX512BF16 and CUDA), it is that of transformers with the
 * input of every product rounded in the same way. The roundings are the same but do not fall alike,
 * since float32 sums differ before them, so the two errors have one size and are not equal.
 */
class FixtureTest {
  private static final int POSITIONS = 160;

  static Stream<Arguments> models() {
    return Machine.tiers()
        .flatMap(tier -> Fixture.names().stream().map(name -> Arguments.of(name, tier)));
  }

  @Test
  void thereAreFixtures() {
    assertTrue(Fixture.names().size() >= 18, Fixture.names().toString());
  }

  /** Which error of transformers bounds this model's. */
  private static String rounding(Fixture fixture, Tier tier) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(fixture.checkpoint())) {
      DType dtype = checkpoint.tensor("model.layers.0.mlp.down_proj.weight").dtype();
      if (dtype.quantized()) {
        return "q8_activations";
      }
      boolean bfloat16 = tier == Tier.AVX512BF16 || tier == Tier.CUDA;
      return dtype == DType.BF16 && bfloat16 ? "bf16_activations" : "f32";
    }
  }

  private static double ulps(Fixture fixture) {
    return 4 * 0x1p-23 * fixture.largestLogit();
  }

  @ParameterizedTest
  @MethodSource("models")
  void logitsAreNearFloat64(String name, Tier tier) throws IOException {
    Fixture fixture = Fixture.of(name);
    Fixture.Deviation error = fixture.error(rounding(fixture, tier));
    try (Backend backend = new Machine(tier, 2).open();
        ModelRun run = new ModelRun(fixture.checkpoint(), backend, DType.F32, POSITIONS)) {
      float[][] logits = run.append(fixture.inputIds().length, fixture.inputIds());
      assertEquals(fixture.logits().length, logits.length);
      assertEquals(fixture.logits()[0].length, logits[0].length);
      Logits.assertNear(
          fixture.logits(),
          logits,
          2 * error.largest() + ulps(fixture),
          2 * error.rms() + ulps(fixture),
          name + " on " + tier);
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void oneByOneHasTheBitsOfOnePass(String name, Tier tier) throws IOException {
    Fixture fixture = Fixture.of(name);
    int[] ids = fixture.inputIds();
    for (DType cache : new DType[] {DType.F32, DType.F16}) {
      float[][] chain;
      try (Backend backend = new Machine(tier, 2).open();
          ModelRun run = new ModelRun(fixture.checkpoint(), backend, cache, POSITIONS)) {
        chain = run.append(ids.length, ids);
      }
      try (Backend backend = new Machine(tier, 1).open();
          ModelRun run = new ModelRun(fixture.checkpoint(), backend, cache, POSITIONS)) {
        Logits.assertBits(chain, run.appendOneByOne(ids), name + ", cache " + cache);
        run.restart();
        Logits.assertBits(chain, run.appendOneByOne(ids), name + ", once more");
      }
    }
  }

  /**
   * Greedy text: the argmax after each token of transformers' text. Without rounded activations no
   * error is as large as the smallest gap between two logits, so all 64 are the same; with them, a
   * token that differs must be one that the errors of two logits explain.
   */
  @ParameterizedTest
  @MethodSource("models")
  void greedyTextIsTheSame(String name, Tier tier) throws IOException {
    Fixture fixture = Fixture.of(name);
    String rounding = rounding(fixture, tier);
    double bound = 2 * fixture.error(rounding).largest() + ulps(fixture);
    try (Backend backend = new Machine(tier, 2).open();
        ModelRun run = new ModelRun(fixture.checkpoint(), backend, DType.F32, POSITIONS)) {
      float[] logits = run.append(1, fixture.inputIds())[0];
      for (int step = 0; step < fixture.greedyIds().length; step++) {
        int found = Logits.argmax(logits);
        int expected = fixture.greedyIds()[step];
        if (found != expected) {
          double gap = logits[found] - logits[expected];
          String what =
              "%s on %s: step %d: token %d, expected %d, which is %.3g below"
                  .formatted(name, tier, step, found, expected, gap);
          assertTrue(!rounding.equals("f32") && gap <= bound, what);
          System.out.println(what);
        }
        logits = run.append(1, expected)[0];
      }
    }
  }
}
