package dev.jangle.cli;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import dev.jangle.DraftKind;
import dev.jangle.Statistics;
import dev.jangle.cli.term.Amounts;
import java.util.Locale;

/** What an answer took, for people. */
final class StatisticsText {
  private StatisticsText() {}

  /** Lines, each with its line feed. */
  static String of(Statistics s) {
    StringBuilder text = new StringBuilder();
    line(
        text,
        "prompt",
        "%s tokens, %s of them cached, %s tokens/s",
        Amounts.count(s.promptTokens()),
        Amounts.count(s.cachedTokens()),
        Amounts.decimal(s.prefillTokensPerSecond(), 1));
    line(
        text,
        "answer",
        "%s tokens, %s tokens/s, the first after %s ms",
        Amounts.count(s.generatedTokens()),
        Amounts.decimal(s.tokensPerSecond(), 1),
        Amounts.decimal(s.firstTokenNanos() / 1e6, 0));
    line(
        text,
        "steps",
        "%s forward passes, %s tokens each, %s nodes each",
        Amounts.count(s.steps()),
        Amounts.decimal(s.meanAcceptanceLength(), 2),
        Amounts.decimal(s.nodesPerStep(), 1));
    line(
        text,
        "drafts",
        "%s accepted (%s %%): Jacobi %s, retrieval %s, recycling %s",
        Amounts.count(s.accepted()),
        Amounts.decimal(100 * s.draftAcceptanceRate(), 1),
        accepted(s, DraftKind.JACOBI),
        accepted(s, DraftKind.RETRIEVAL),
        accepted(s, DraftKind.RECYCLING));
    return text.toString();
  }

  private static String accepted(Statistics s, DraftKind kind) {
    return Amounts.count(s.acceptedBySource().getOrDefault(kind, 0L));
  }

  @FormatMethod
  private static void line(
      StringBuilder text, String name, @FormatString String format, Object... values) {
    text.append(String.format(Locale.ROOT, "%-7s ", name));
    text.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
