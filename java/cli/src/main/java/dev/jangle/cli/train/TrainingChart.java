package dev.jangle.cli.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.cli.ChartFile;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * A chart of a run's log: loss on the left; on the right the learning rate, and how often the token
 * after noise was predicted rightly. Figures of single steps jump, so each point is the mean of
 * some.
 */
public final class TrainingChart {
  private static final int WIDTH = 1200;
  private static final int HEIGHT = 650;

  /** Most points of a line. */
  private static final int POINTS = 100;

  private static final int LOSS = 0;
  private static final int DENOISING = 1;
  private static final int RATE = 2;

  private final List<JsonNode> steps;
  private final int stepsOfPoint;

  private TrainingChart(List<JsonNode> steps) {
    this.steps = steps;
    this.stepsOfPoint = Math.ceilDiv(steps.size(), POINTS);
  }

  /**
   * Draws a log; see {@link ChartFile}. Of one without lines, as it is before the first step and
   * where it was removed after the last, there is no chart.
   *
   * @param log lines of JSON, as {@link dev.jangle.train.Trainer#log} has them
   * @throws IOException where a file cannot be read or written, or no font is installed
   */
  public static void write(Path log, Path file) throws IOException {
    List<JsonNode> steps = new ArrayList<>();
    ObjectMapper mapper = new ObjectMapper();
    for (String line : Files.readAllLines(log)) {
      steps.add(mapper.readTree(line));
    }
    if (!steps.isEmpty()) {
      XYChart chart = new TrainingChart(steps).draw();
      ChartFile.write(file, (out, format) -> ChartEncoder.saveChart(chart, out, format));
    }
  }

  private XYChart draw() {
    XYChart chart = new XYChartBuilder().width(WIDTH).height(HEIGHT).xAxisTitle(xTitle()).build();
    chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideE);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setYAxisGroupPosition(DENOISING, Styler.YAxisPosition.Right);
    chart.getStyler().setYAxisGroupPosition(RATE, Styler.YAxisPosition.Right);
    chart.getStyler().setXAxisMin(0.0);
    chart.getStyler().setYAxisMin(DENOISING, 0.0);
    chart.getStyler().setYAxisMin(RATE, 0.0);
    chart.setYAxisGroupTitle(LOSS, "loss");
    chart.setYAxisGroupTitle(DENOISING, "right after noise, %");
    chart.setYAxisGroupTitle(RATE, "learning rate");
    line(chart, "loss", means("/loss"), LOSS).setLineColor(Color.BLACK);
    line(chart, "learning rate", means("/rate"), RATE).setLineColor(new Color(190, 150, 90));
    int depths = steps.getFirst().path("denoising").size();
    for (int depth = 0; depth < depths; depth++) {
      double[] shares = means("/denoising/" + depth);
      if (Arrays.stream(shares).anyMatch(Double::isFinite)) {
        double[] percent = Arrays.stream(shares).map(share -> 100 * share).toArray();
        line(chart, "after noise token " + (depth + 1), percent, DENOISING)
            .setLineColor(Color.getHSBColor(0.55f + 0.09f * depth, 0.75f, 0.8f));
      }
    }
    return chart;
  }

  private XYSeries line(XYChart chart, String name, double[] values, int axis) {
    List<Integer> x = new ArrayList<>();
    List<Double> y = new ArrayList<>();
    for (int i = 0; i < values.length; i++) {
      if (Double.isFinite(values[i])) {
        x.add(steps.get(end(i) - 1).path("step").asInt());
        y.add(values[i]);
      }
    }
    XYSeries series = chart.addSeries(name, x, y);
    series.setMarker(SeriesMarkers.NONE);
    series.setLineWidth(1.5f);
    series.setYAxisGroup(axis);
    return series;
  }

  /** The mean of a figure over the steps of each point; NaN where none of them has it. */
  private double[] means(String pointer) {
    double[] means = new double[Math.ceilDiv(steps.size(), stepsOfPoint)];
    for (int i = 0; i < means.length; i++) {
      means[i] =
          steps.subList(i * stepsOfPoint, end(i)).stream()
              .mapToDouble(step -> step.at(pointer).asDouble(Double.NaN))
              .filter(Double::isFinite)
              .average()
              .orElse(Double.NaN);
    }
    return means;
  }

  /** Steps up to a point, its own included. */
  private int end(int point) {
    return Math.min((point + 1) * stepsOfPoint, steps.size());
  }

  private String xTitle() {
    return stepsOfPoint == 1 ? "step" : "step (means of " + stepsOfPoint + ")";
  }
}
