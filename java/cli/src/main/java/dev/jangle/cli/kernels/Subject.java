package dev.jangle.cli.kernels;

import dev.jangle.format.DType;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/**
 * What is measured for every number of rows: an operation on a shape.
 *
 * @param part the weight's name and shape, or the shape alone
 * @param n outputs of the weight; else 0
 * @param k inputs of the weight; else 0
 * @param format of the weight or the cache; F32 where there is neither
 */
public record Subject(
    ModelShape model, Operation operation, String part, long n, long k, DType format) {

  /** All subjects of a choice, model by model, in the order of a forward pass. */
  public static List<Subject> of(
      Collection<ModelShape> models, Collection<Operation> operations, Collection<DType> formats) {
    List<Subject> subjects = new ArrayList<>();
    for (ModelShape model : models) {
      for (Operation operation : operations) {
        for (DType format : formats) {
          if (operation.formats().contains(format)) {
            add(subjects, model, operation, format);
          }
        }
      }
    }
    return subjects;
  }

  private static void add(List<Subject> to, ModelShape model, Operation operation, DType format) {
    if (operation == Operation.MATMUL) {
      for (ModelShape.Weight w : model.weights()) {
        String part = "%s [%d][%d]".formatted(w.name(), w.n(), w.k());
        to.add(new Subject(model, operation, part, w.n(), w.k(), format));
      }
      return;
    }
    String part =
        switch (operation) {
          case EMBED -> "[%d][%d]".formatted(model.vocab(), model.hidden());
          case RMSNORM, RESIDUAL -> "[%d]".formatted(model.hidden());
          case SWIGLU -> "[%d]".formatted(model.intermediate());
          case ARGMAX, TOPK, SAMPLE -> "[%d]".formatted(model.vocab());
          case ROPE -> "%d heads of %d".formatted(model.heads() + model.kvHeads(), model.headDim());
          case KV_APPEND -> "%d heads of %d".formatted(model.kvHeads(), model.headDim());
          case KV_GATHER ->
              "%d layers, %d heads of %d"
                  .formatted(model.layers(), model.kvHeads(), model.headDim());
          case ATTENTION ->
              "%d/%d heads of %d, %d keys"
                  .formatted(model.heads(), model.kvHeads(), model.headDim(), model.context());
          case MATMUL -> throw new AssertionError("has parts of its own");
        };
    to.add(new Subject(model, operation, part, 0, 0, format));
  }

  /** Operation, part and format. */
  @Override
  public String toString() {
    return operation + " " + part + " " + formatName();
  }

  String formatName() {
    return format.name().toLowerCase(Locale.ROOT);
  }
}
