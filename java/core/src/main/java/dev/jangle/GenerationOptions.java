package dev.jangle;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What to generate. Immutable: each {@code with} method returns a changed copy. Bad values throw
 * {@link IllegalArgumentException} at once.
 *
 * @param maxTokens the exact most tokens to write, at least 1
 * @param decoding how tokens are found; never changes the text
 * @param temperature 0 for greedy, else the softmax temperature
 * @param topK keep the k likeliest tokens; 0 keeps all
 * @param topP keep the fewest likeliest tokens that together have this probability; 1 keeps all
 * @param minP drop tokens less likely than this share of the likeliest; 0 keeps all
 * @param seed of the sampling: the same seed gives the same text, accelerated or not
 * @param stop strings that end the output; the text ends before the first of them
 * @param system a system message for the chat template, where the conversation begins
 * @param raw take the prompt as it is, without the model's chat template
 */
public record GenerationOptions(
    int maxTokens,
    Decoding decoding,
    double temperature,
    int topK,
    double topP,
    double minP,
    long seed,
    List<String> stop,
    Optional<String> system,
    boolean raw) {

  public GenerationOptions {
    require(maxTokens >= 1, "maxTokens", maxTokens, "at least 1");
    require(
        temperature >= 0 && temperature <= 100, "temperature", temperature, "0 (greedy) to 100");
    require(topK >= 0, "topK", topK, "0 (off) or more");
    require(topP > 0 && topP <= 1, "topP", topP, "more than 0, at most 1 (off)");
    require(minP >= 0 && minP <= 1, "minP", minP, "0 (off) to 1");
    Objects.requireNonNull(decoding, "decoding");
    Objects.requireNonNull(system, "system");
    stop = List.copyOf(stop);
    require(stop.stream().noneMatch(String::isEmpty), "stop", stop, "strings that are not empty");
  }

  /** Greedy, 256 tokens, {@link Decoding#AUTO}. */
  public static GenerationOptions defaults() {
    return new GenerationOptions(
        256, Decoding.AUTO, 0, 0, 1, 0, 0, List.of(), Optional.empty(), false);
  }

  public GenerationOptions withMaxTokens(int value) {
    return new GenerationOptions(
        value, decoding, temperature, topK, topP, minP, seed, stop, system, raw);
  }

  public GenerationOptions withDecoding(Decoding value) {
    return new GenerationOptions(
        maxTokens, value, temperature, topK, topP, minP, seed, stop, system, raw);
  }

  public GenerationOptions withTemperature(double value) {
    return new GenerationOptions(
        maxTokens, decoding, value, topK, topP, minP, seed, stop, system, raw);
  }

  public GenerationOptions withTopK(int value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, value, topP, minP, seed, stop, system, raw);
  }

  public GenerationOptions withTopP(double value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, value, minP, seed, stop, system, raw);
  }

  public GenerationOptions withMinP(double value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, topP, value, seed, stop, system, raw);
  }

  public GenerationOptions withSeed(long value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, topP, minP, value, stop, system, raw);
  }

  public GenerationOptions withStop(String... values) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, topP, minP, seed, List.of(values), system, raw);
  }

  public GenerationOptions withSystem(String value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, topP, minP, seed, stop, Optional.of(value), raw);
  }

  public GenerationOptions withRaw(boolean value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, topP, minP, seed, stop, system, value);
  }

  private static void require(boolean holds, String option, Object value, String expected) {
    if (!holds) {
      throw new IllegalArgumentException(option + " is " + value + "; expected " + expected);
    }
  }
}
