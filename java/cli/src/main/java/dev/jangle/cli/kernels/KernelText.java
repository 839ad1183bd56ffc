package dev.jangle.cli.kernels;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import dev.jangle.cli.term.Amounts;
import dev.jangle.cli.term.Table;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A report for people: what it ran on, the ceilings, and a table of each model. */
public final class KernelText {
  private KernelText() {}

  /** Lines, each with its line feed. */
  public static String of(KernelReport report) {
    StringBuilder text = new StringBuilder();
    line(
        text,
        "%s %s, %d threads: %s; last cache %s",
        report.backend(),
        report.tier(),
        report.threads(),
        report.device(),
        Amounts.bytes(report.cacheBytes()));
    Ceilings ceilings = report.ceilings();
    line(
        text,
        "ceiling of memory: %s GB/s (%s)",
        Amounts.decimal(ceilings.bytesPerSecond() * 1e-9, 1),
        ceilings.bytesBy());
    ceilings.compute().entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(
            entry ->
                line(
                    text,
                    "ceiling of %s: %s TFLOP/s (%s)",
                    entry.getKey().name().toLowerCase(Locale.ROOT),
                    Amounts.decimal(entry.getValue().flopsPerSecond() * 1e-12, 3),
                    entry.getValue().by()));
    if (!report.cublas().isEmpty()) {
      line(text, "cuBLAS %s beside it", report.cublas());
    } else if (!report.cublasMissing().isEmpty()) {
      line(text, "no cuBLAS beside it: %s", report.cublasMissing());
    }
    byModel(report)
        .forEach((model, results) -> text.append('\n').append(table(model, results, report)));
    if (!report.results().isEmpty()) {
      text.append('\n');
      line(text, "us: median of a call; spread: the middle half of the samples, of the median");
      line(text, "ceiling: what the bytes or the products need at least, of the median");
      if (report.results().stream().anyMatch(result -> result.bound().equals("cache"))) {
        line(text, "cache: the buffers are too small to leave it, so that no ceiling is known");
      }
    }
    for (KernelReport.Skipped skipped : report.skipped()) {
      line(
          text,
          "left out: %s, %s: %s",
          skipped.subject().model().name(),
          skipped.subject(),
          skipped.reason());
    }
    return text.toString();
  }

  private static Map<String, List<KernelResult>> byModel(KernelReport report) {
    Map<String, List<KernelResult>> models = new LinkedHashMap<>();
    for (KernelResult result : report.results()) {
      models
          .computeIfAbsent(result.subject().model().name(), name -> new ArrayList<>())
          .add(result);
    }
    return models;
  }

  private static String table(String model, List<KernelResult> results, KernelReport report) {
    boolean compared = !report.cublas().isEmpty();
    List<String> header =
        new ArrayList<>(
            List.of(model, "rows", "us", "spread", "GB/s", "TFLOP/s", "ceiling", "bound"));
    if (compared) {
      header.addAll(List.of("cuBLAS us", "cuBLAS/ours"));
    }
    Table table = new Table(header.toArray(String[]::new));
    for (KernelResult result : results) {
      List<String> cells =
          new ArrayList<>(
              List.of(
                  result.subject().toString(),
                  Integer.toString(result.rows()),
                  Amounts.decimal(result.time().median(), 2),
                  percent(result.time().relative()),
                  Amounts.decimal(result.gigabytesPerSecond(), 1),
                  result.flops() == 0 ? "-" : Amounts.decimal(result.teraflopsPerSecond(), 3),
                  percent(result.share()),
                  result.bound()));
      if (compared) {
        Spread theirs = result.cublas();
        cells.add(theirs == null ? "-" : Amounts.decimal(theirs.median(), 2));
        cells.add(
            theirs == null ? "-" : Amounts.decimal(theirs.median() / result.time().median(), 2));
      }
      table.row(cells.toArray(String[]::new));
    }
    return table.render();
  }

  private static String percent(double share) {
    return Double.isFinite(share) ? Amounts.decimal(100 * share, 0) + " %" : "-";
  }

  @FormatMethod
  private static void line(StringBuilder text, @FormatString String format, Object... values) {
    text.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
