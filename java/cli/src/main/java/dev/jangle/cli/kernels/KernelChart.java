package dev.jangle.cli.kernels;

import dev.jangle.cli.ChartFile;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.style.Styler;

/**
 * A chart of the share of the ceiling over the rows: a line for each operation and format, over all
 * shapes of all models together (the sum of the least times, of the sum of the medians). Operations
 * in the cache, which have no ceiling, are left out; where all are, the lines are T(M) / T(1).
 */
public final class KernelChart {
  private static final int WIDTH = 1100;
  private static final int HEIGHT = 650;

  private KernelChart() {}

  /**
   * Draws and writes it; see {@link ChartFile}.
   *
   * @throws IOException where the file cannot be written, or no font is installed
   */
  public static void write(KernelReport report, Path file) throws IOException {
    ChartFile.write(file, (out, format) -> ChartEncoder.saveChart(chart(report), out, format));
  }

  private static CategoryChart chart(KernelReport report) {
    List<KernelResult> limited =
        report.results().stream().filter(result -> !result.bound().equals("cache")).toList();
    boolean shares = !limited.isEmpty();
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title(report))
            .xAxisTitle("rows in flight (M)")
            .yAxisTitle(shares ? "share of the ceiling, %" : "T(M) / T(first M)")
            .build();
    chart.getStyler().setDefaultSeriesRenderStyle(CategorySeriesRenderStyle.Line);
    chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideE);
    chart.getStyler().setYAxisMin(0.0).setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setOverlapped(true);
    List<KernelResult> drawn = shares ? limited : report.results();
    List<Integer> rows = drawn.stream().map(KernelResult::rows).sorted().distinct().toList();
    lines(drawn, shares)
        .forEach(
            (name, points) -> {
              List<Double> values = new ArrayList<>(); // null where there is no point
              rows.forEach(count -> values.add(points.get(count)));
              chart.addSeries(name, rows.stream().map(String::valueOf).toList(), values);
            });
    return chart;
  }

  private static String title(KernelReport report) {
    String models =
        report.results().stream()
            .map(result -> result.subject().model().name())
            .distinct()
            .collect(Collectors.joining(", "));
    return report.backend() + " " + report.tier() + ", " + report.device() + ": " + models;
  }

  /** Of each operation and format, a value of each number of rows. */
  private static Map<String, Map<Integer, Double>> lines(
      List<KernelResult> results, boolean shares) {
    Map<String, Map<Integer, double[]>> sums = new LinkedHashMap<>();
    for (KernelResult result : results) {
      Subject subject = result.subject();
      double[] sum =
          sums.computeIfAbsent(
                  subject.operation() + " " + subject.formatName(), name -> new TreeMap<>())
              .computeIfAbsent(result.rows(), rows -> new double[2]);
      sum[0] += Math.max(result.memoryMicros(), result.computeMicros());
      sum[1] += result.time().median();
    }
    Map<String, Map<Integer, Double>> lines = new LinkedHashMap<>();
    sums.forEach(
        (name, byRows) -> {
          double first = byRows.values().iterator().next()[1];
          Map<Integer, Double> points = new TreeMap<>();
          byRows.forEach(
              (rows, sum) -> points.put(rows, shares ? 100 * sum[0] / sum[1] : sum[1] / first));
          lines.put(name, points);
        });
    return lines;
  }
}
