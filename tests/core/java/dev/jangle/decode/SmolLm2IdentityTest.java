package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.GenerationOptions;
import dev.jangle.SmolLm2;
import dev.jangle.backend.Machine;
import dev.jangle.format.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * The promise on a real model, where it is on this machine: 10,000 tokens of SmolLM2 after 20
 * prompts, greedy and sampled by turns, with the tokens and the logits of plain decoding.
 */
class SmolLm2IdentityTest {
  private static final int TOKENS = 500;

  @Test
  void tokensAndLogitsAreThoseOfPlainDecoding() throws IOException {
    Path model = SmolLm2.fileOrSkip();
    Path prompts =
        Path.of(
            System.getProperty("jangle.root"), "tests/core/resources/smollm2/continuations.json");
    long steps = 0;
    long tokens = 0;
    try (DecodeRun run = new DecodeRun(model, Machine.best(2), DType.F16, 1024)) {
      StepCosts costs = new StepCosts(new int[] {1, 128}, new double[] {1e6, 3e6}, 0);
      RecyclingTable recycling = new RecyclingTable(run.vocabSize());
      for (JsonNode entry : new ObjectMapper().readTree(prompts.toFile()).get("continuations")) {
        int[] prompt = new ObjectMapper().convertValue(entry.get("prompt_ids"), int[].class);
        int number = entry.get("question_id").asInt();
        GenerationOptions options =
            GenerationOptions.defaults()
                .withMaxTokens(TOKENS)
                .withTemperature(number % 2 == 0 ? 0 : 0.8)
                .withSeed(number);
        run.poison();
        DecodeRun.Trace plain = run.generate(prompt, options, Set.of(), h -> new PlainPlanner());
        run.poison();
        DecodeRun.Trace auto =
            run.generate(prompt, options, Set.of(), h -> new AutoPlanner(costs, h, recycling));
        DecoderIdentityTest.assertSame(plain, auto, "prompt " + number);
        steps += auto.statistics().steps();
        tokens += auto.tokens().length;
      }
    }
    System.out.printf("SmolLM2: %d tokens in %d steps%n", tokens, steps);
    assertTrue(tokens >= 10_000, tokens + " tokens");
    assertTrue(steps < 0.95 * tokens, steps + " steps");
  }
}
