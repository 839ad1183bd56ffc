package dev.jangle.cli.kernels;

import static dev.jangle.cli.JsonFigures.put;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;
import java.util.Map;

/** A report for programs. A figure that there is none of is null. */
public final class KernelJson {
  private KernelJson() {}

  public static ObjectNode of(KernelReport report) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("backend", report.backend());
    object.put("device", report.device());
    object.put("tier", report.tier());
    object.put("threads", report.threads());
    object.put("cache_bytes", report.cacheBytes());
    object.put("rotated_bytes", report.rotatedBytes());
    Ceilings ceilings = report.ceilings();
    ObjectNode memory = object.putObject("memory_ceiling");
    put(memory, "gb_per_s", ceilings.bytesPerSecond() * 1e-9);
    memory.put("by", ceilings.bytesBy());
    ObjectNode compute = object.putObject("compute_ceilings");
    ceilings.compute().entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(
            entry -> {
              String format = entry.getKey().name().toLowerCase(Locale.ROOT);
              ObjectNode ceiling = compute.putObject(format);
              put(ceiling, "tflop_per_s", entry.getValue().flopsPerSecond() * 1e-12);
              ceiling.put("by", entry.getValue().by());
            });
    object.put("cublas", report.cublas().isEmpty() ? null : report.cublas());
    object.put("cublas_missing", report.cublasMissing().isEmpty() ? null : report.cublasMissing());
    ArrayNode results = object.putArray("results");
    report.results().forEach(result -> results.add(of(result)));
    ArrayNode skipped = object.putArray("skipped");
    for (KernelReport.Skipped left : report.skipped()) {
      ObjectNode entry = skipped.addObject();
      subject(entry, left.subject());
      entry.put("reason", left.reason());
    }
    return object;
  }

  private static ObjectNode of(KernelResult result) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    subject(object, result.subject());
    object.put("rows", result.rows());
    object.set("us", of(result.time()));
    object.put("bytes", result.bytes());
    object.put("flops", result.flops());
    put(object, "gb_per_s", result.gigabytesPerSecond());
    put(object, "tflop_per_s", result.flops() == 0 ? Double.NaN : result.teraflopsPerSecond());
    object.put("bound", result.bound());
    put(object, "ceiling_share", result.share());
    object.set("cublas_us", result.cublas() == null ? null : of(result.cublas()));
    return object;
  }

  private static void subject(ObjectNode object, Subject subject) {
    object.put("model", subject.model().name());
    object.put("op", subject.operation().toString());
    object.put("shape", subject.part());
    object.put("format", subject.formatName());
  }

  private static ObjectNode of(Spread spread) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("samples", spread.samples());
    object.put("least", spread.least());
    object.put("lower_quartile", spread.lower());
    object.put("median", spread.median());
    object.put("upper_quartile", spread.upper());
    object.put("most", spread.most());
    return object;
  }
}
