package dev.jangle.train;

import dev.jangle.GenerationResult;
import dev.jangle.Repetition;
import dev.jangle.StopReason;
import dev.jangle.text.Tokenizer;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Whether an answer is good to learn from.
 *
 * @param outcome {@code KEPT}, {@code CUT}, or why it is left out
 * @param text what is written of it; empty where it is left out
 */
record DistillVerdict(DistillOutcome outcome, String text) {
  /**
   * The end of a sentence, with what closes it, or of a line. A digit before the point is the
   * number of a list's item, or a decimal.
   */
  private static final Pattern END =
      Pattern.compile("(?<=\\D)[.!?\u2026][\"'\u201d\u2019)\\]*`]*(?=\\s|$)|(?=\\R)");

  static DistillVerdict of(GenerationResult answer, DistillOptions options, Tokenizer tokenizer) {
    if (answer.text().isBlank()) {
      return new DistillVerdict(DistillOutcome.EMPTY, "");
    }
    boolean loops = loops(answer.tokens(), options);
    if (!loops && answer.stopReason() == StopReason.END_TOKEN) {
      return new DistillVerdict(DistillOutcome.KEPT, answer.text());
    }
    DistillOutcome reason = loops ? DistillOutcome.LOOP : DistillOutcome.LIMIT;
    if (options.unfinished() == DistillOptions.Unfinished.DROP) {
      return new DistillVerdict(reason, "");
    }
    List<Integer> good = answer.tokens();
    if (loops) {
      good = good.subList(0, Repetition.freshTokens(good));
      if (loops(good, options)) {
        return new DistillVerdict(reason, "");
      }
    }
    int[] ids = good.stream().mapToInt(Integer::intValue).toArray();
    String text = whole(tokenizer.decode(ids, true));
    return text.isBlank()
        ? new DistillVerdict(reason, "")
        : new DistillVerdict(DistillOutcome.CUT, text);
  }

  private static boolean loops(List<Integer> tokens, DistillOptions options) {
    return Repetition.of(tokens) > options.mostRepetition();
  }

  /** The whole sentences or lines at the beginning of a text. */
  static String whole(String text) {
    Matcher matcher = END.matcher(text);
    int end = 0;
    while (matcher.find()) {
      end = matcher.end();
    }
    return text.substring(0, end).stripTrailing();
  }
}
