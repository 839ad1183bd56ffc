package dev.jangle;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What to generate. Immutable and thread-safe: each {@code with} method returns a changed copy. Bad
 * values throw {@link IllegalArgumentException} at once, naming the option, the value and what was
 * expected; null throws {@link NullPointerException}.
 *
 * @param maxTokens the exact most tokens to write, at least 1
 * @param decoding how tokens are found; never changes the text
 * @param temperature 0 for greedy, else the softmax temperature, at least 0.001: the kernels divide
 *     by it in single precision
 * @param topK keep the k likeliest tokens; 0 keeps all
 * @param topP keep the fewest likeliest tokens that together have this probability, more than 0 in
 *     the kernels' single precision; 1 keeps all
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

  /**
   * Checks every value and copies {@code stop}.
   *
   * @throws IllegalArgumentException where a value is out of its range
   */
  public GenerationOptions {
    require(maxTokens >= 1, "maxTokens", maxTokens, "at least 1");
    require(
        temperature == 0 || (temperature >= 0.001 && temperature <= 100),
        "temperature",
        temperature,
        "0 (greedy), or 0.001 to 100");
    require(topK >= 0, "topK", topK, "0 (off) or more");
    require(
        (float) topP > 0 && topP <= 1,
        "topP",
        topP,
        "more than 0 in single precision, at most 1 (off)");
    require(minP >= 0 && minP <= 1, "minP", minP, "0 (off) to 1");
    Objects.requireNonNull(decoding, "decoding");
    Objects.requireNonNull(system, "system");
    stop = List.copyOf(stop);
    require(stop.stream().noneMatch(String::isEmpty), "stop", stop, "strings that are not empty");
    if (raw && system.isPresent()) {
      throw new IllegalArgumentException(
          "raw takes the prompt as it is, so a system message has no place in it; leave one out");
    }
  }

  /** Greedy, 256 tokens, {@link Decoding#AUTO}. */
  public static GenerationOptions defaults() {
    return new GenerationOptions(
        256, Decoding.AUTO, 0, 0, 1, 0, 0, List.of(), Optional.empty(), false);
  }

  /**
   * Limits the length of the answer.
   *
   * @param value tokens, at least 1; 256 by default. The end token, which is no part of the answer,
   *     does not count. The context may end the answer sooner: {@link StopReason#CONTEXT_FULL}
   * @throws IllegalArgumentException where it is less than 1
   */
  public GenerationOptions withMaxTokens(int value) {
    return new GenerationOptions(
        value, decoding, temperature, topK, topP, minP, seed, stop, system, raw);
  }

  /**
   * Chooses how tokens are found, which changes the time that it takes and never the text.
   *
   * @param value {@link Decoding#AUTO} by default
   */
  public GenerationOptions withDecoding(Decoding value) {
    return new GenerationOptions(
        maxTokens, value, temperature, topK, topP, minP, seed, stop, system, raw);
  }

  /**
   * Sets what the logits are divided by before a token is drawn.
   *
   * @param value 0, or 0.001 to 100, without unit: 0, the default, is greedy, always the likeliest
   *     token, and leaves {@code topK}, {@code topP}, {@code minP} and {@code seed} without effect;
   *     1 draws as the model says; more is more even
   * @throws IllegalArgumentException where it is outside, or NaN
   */
  public GenerationOptions withTemperature(double value) {
    return new GenerationOptions(
        maxTokens, decoding, value, topK, topP, minP, seed, stop, system, raw);
  }

  /**
   * Draws from the likeliest tokens only, as many as given. The first of three filters: {@code
   * topP} takes what this one left, and {@code minP} what both left.
   *
   * @param value number of tokens; 0, the default, keeps all, as does a number above the
   *     vocabulary's
   * @throws IllegalArgumentException where it is negative
   */
  public GenerationOptions withTopK(int value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, value, topP, minP, seed, stop, system, raw);
  }

  /**
   * Draws from the fewest likeliest tokens that together have the given probability: nucleus
   * sampling, of Holtzman et al., arXiv 1904.09751. The second filter, after {@code topK}.
   *
   * @param value a probability above 0 (in single precision), at most 1; 1, the default, keeps all
   * @throws IllegalArgumentException where it is outside, or NaN
   */
  public GenerationOptions withTopP(double value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, value, minP, seed, stop, system, raw);
  }

  /**
   * Drops tokens whose probability is less than a share of the likeliest token's. The third filter,
   * after {@code topK} and {@code topP}.
   *
   * @param value a share from 0 to 1; 0, the default, keeps all, and 1 only the likeliest
   * @throws IllegalArgumentException where it is outside, or NaN
   */
  public GenerationOptions withMinP(double value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, topP, value, seed, stop, system, raw);
  }

  /**
   * Seeds the draws. With the same model, backend, prompt and options, the same seed gives the same
   * text, whatever the {@link Decoding}.
   *
   * @param value any number; 0 by default
   */
  public GenerationOptions withSeed(long value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, topP, minP, value, stop, system, raw);
  }

  /**
   * Ends the answer before the first of these strings: the one that is complete first, of several
   * that end together the longest. Replaces the strings of before. Text that may become one of them
   * is held back while it streams.
   *
   * @param values strings that are not empty; none, the default, for no such end
   * @throws IllegalArgumentException where one is empty
   */
  public GenerationOptions withStop(String... values) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, topP, minP, seed, List.of(values), system, raw);
  }

  /**
   * Puts a system message before the first message of a conversation. Without effect on later
   * messages of a {@link Session}.
   *
   * @param value the message; there is none by default. A model without a chat template refuses it
   * @throws IllegalArgumentException with {@link #withRaw}
   */
  public GenerationOptions withSystem(String value) {
    return new GenerationOptions(
        maxTokens, decoding, temperature, topK, topP, minP, seed, stop, Optional.of(value), raw);
  }

  /**
   * Chooses between the prompt as it is and the model's chat template around it.
   *
   * @param value true for the prompt as it is; false, the default, for the template, which only
   *     some models have
   * @throws IllegalArgumentException for true with a system message
   */
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
