package dev.jangle.cli.eval;

import static dev.jangle.cli.JsonFigures.put;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.Decoding;
import dev.jangle.train.Denoising;
import dev.jangle.train.Evaluation;
import java.util.List;
import java.util.Locale;

/** An evaluation's report for programs. A figure that there is none of is null. */
public final class EvalJson {
  private EvalJson() {}

  public static ObjectNode of(EvalReport report) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("max_tokens", report.maxTokens());
    object.put("questions", report.all().size());
    object.put("looping", report.all().size() - report.withoutLoops().size());
    object.put("differing", report.differing());
    ArrayNode models = object.putArray("models");
    for (ModelFigures model : report.models()) {
      ObjectNode entry = models.addObject();
      entry.put("model", model.name());
      entry.put("format", model.format());
      model.heldOut().ifPresent(heldOut -> heldOut(entry, heldOut));
      ObjectNode acceptance = entry.putObject("acceptance");
      for (Decoding preset : report.presets()) {
        acceptance.set(preset.name().toLowerCase(Locale.ROOT), acceptance(report, model, preset));
      }
    }
    return object;
  }

  private static void heldOut(ObjectNode entry, Evaluation heldOut) {
    entry.put("samples", heldOut.samples());
    entry.put("labels", heldOut.labels());
    put(entry, "clean_loss", heldOut.loss());
    ArrayNode denoising = entry.putArray("denoising");
    for (int depth = 1; depth <= Denoising.DEPTHS; depth++) {
      ObjectNode at = denoising.addObject();
      at.put("noise", depth);
      at.put("labels", heldOut.denoising().all().get(depth - 1));
      put(at, "top1", heldOut.denoising().accuracy(depth));
    }
  }

  private static ObjectNode acceptance(EvalReport report, ModelFigures model, Decoding preset) {
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.set("all", acceptance(model, preset, report.all()));
    object.set("without_loops", acceptance(model, preset, report.withoutLoops()));
    ObjectNode tasks = object.putObject("by_category");
    report
        .byTask()
        .forEach((task, questions) -> tasks.set(task, acceptance(model, preset, questions)));
    return object;
  }

  private static ObjectNode acceptance(
      ModelFigures model, Decoding preset, List<Integer> questions) {
    ModelFigures.Acceptance acceptance = model.acceptance(preset, questions);
    ObjectNode object = JsonNodeFactory.instance.objectNode();
    object.put("questions", questions.size());
    put(object, "mean_acceptance_length", acceptance.meanAcceptanceLength());
    put(object, "repetition", acceptance.repetition());
    return object;
  }
}
