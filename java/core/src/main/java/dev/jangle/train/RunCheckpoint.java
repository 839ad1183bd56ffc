package dev.jangle.train;

import dev.jangle.backend.Kernels;
import dev.jangle.format.DType;
import dev.jangle.format.FormatException;
import dev.jangle.format.SafetensorsFile;
import dev.jangle.format.SafetensorsWriter;
import dev.jangle.format.Tensor;
import dev.jangle.format.TensorFloats;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A run as it stands between two steps, in one safetensors file: the trained weights under their
 * Hugging Face (or PEFT) names, both moments of each under {@code first_moment.} and {@code
 * second_moment.} and the name, and in the metadata where the run stands and what it is.
 */
final class RunCheckpoint {
  private static final String KIND = "jangle.kind";
  private static final String KIND_VALUE = "training checkpoint 2";
  private static final String IDENTITY = "run.";
  private static final String FIRST = "first_moment.";
  private static final String SECOND = "second_moment.";

  /**
   * Where a run stands.
   *
   * @param step steps done
   * @param place of the next row
   * @param watch of the losses so far
   */
  record Position(int step, Batches.Place place, LossWatch.State watch) {}

  private RunCheckpoint() {}

  /** Writes the file whole or not at all. */
  static void write(
      Path file, Kernels kernels, TrainingState state, RunIdentity identity, Position position)
      throws IOException {
    SafetensorsWriter writer = new SafetensorsWriter();
    writer.metadata("format", "pt").metadata(KIND, KIND_VALUE);
    identity.facts().forEach((name, value) -> writer.metadata(IDENTITY + name, value));
    writer
        .metadata("step", Integer.toString(position.step()))
        .metadata("epoch", Long.toString(position.place().epoch()))
        .metadata("row", Integer.toString(position.place().row()))
        .metadata("losses", Integer.toString(position.watch().losses()))
        .metadata("loss.mean", Double.toString(position.watch().mean()))
        .metadata("loss.lowest", Double.toString(position.watch().lowest()));
    add(writer, "", state.weights, kernels);
    add(writer, FIRST, state.firstMoment, kernels);
    add(writer, SECOND, state.secondMoment, kernels);
    writer.write(file);
  }

  private static void add(
      SafetensorsWriter writer, String prefix, Parameters parameters, Kernels kernels) {
    for (ParameterLayout.Slot slot : parameters.layout().slots()) {
      writer.tensor(
          prefix + slot.name(), DType.F32, slot.shape(), () -> parameters.values(kernels, slot));
    }
  }

  /**
   * Takes a run up again: fills the state.
   *
   * @param identity of the run that is to go on
   * @throws FormatException where the file is damaged or no checkpoint
   * @throws TrainingException where it is one of another run, naming what differs
   */
  static Position read(Path file, Kernels kernels, TrainingState state, RunIdentity identity)
      throws IOException {
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      Map<String, String> metadata = read.metadata();
      if (!KIND_VALUE.equals(metadata.get(KIND))) {
        throw new FormatException(
            file,
            "is not a checkpoint of a training run of this version; train into another folder");
      }
      requireSame(file, identity, metadata);
      requireTensors(file, read, state.layout);
      Position position =
          new Position(
              (int) number(file, metadata, "step"),
              new Batches.Place(
                  (long) number(file, metadata, "epoch"), (int) number(file, metadata, "row")),
              new LossWatch.State(
                  (int) number(file, metadata, "losses"),
                  number(file, metadata, "loss.mean"),
                  number(file, metadata, "loss.lowest")));
      fill(state.weights, "", read, kernels);
      fill(state.firstMoment, FIRST, read, kernels);
      fill(state.secondMoment, SECOND, read, kernels);
      state.steps = position.step();
      return position;
    }
  }

  private static void requireSame(Path file, RunIdentity identity, Map<String, String> metadata) {
    Map<String, String> facts = new LinkedHashMap<>();
    metadata.forEach(
        (name, value) -> {
          if (name.startsWith(IDENTITY)) {
            facts.put(name.substring(IDENTITY.length()), value);
          }
        });
    List<String> differences = identity.differences(new RunIdentity(facts));
    if (!differences.isEmpty()) {
      throw new TrainingException(
          "%s is a checkpoint of another run: %s. Go on with what that run had, or train into another folder"
              .formatted(file, String.join("; ", differences)));
    }
  }

  private static void requireTensors(Path file, SafetensorsFile read, ParameterLayout layout) {
    Set<String> expected = new HashSet<>();
    for (String prefix : List.of("", FIRST, SECOND)) {
      for (ParameterLayout.Slot slot : layout.slots()) {
        String name = prefix + slot.name();
        Tensor tensor = read.tensor(name);
        if (tensor.dtype() != DType.F32 || !Arrays.equals(tensor.shape(), slot.shape())) {
          throw new FormatException(
              file, "has " + tensor + ", expected F32 " + Arrays.toString(slot.shape()));
        }
        expected.add(name);
      }
    }
    for (String name : read.tensors().keySet()) {
      if (!expected.contains(name)) {
        throw new FormatException(file, "has tensor " + name + ", which this run does not train");
      }
    }
  }

  private static double number(Path file, Map<String, String> metadata, String name) {
    try {
      return Double.parseDouble(metadata.getOrDefault(name, ""));
    } catch (NumberFormatException e) {
      throw new FormatException(file, "metadata " + name + " is not a number", e);
    }
  }

  private static void fill(
      Parameters parameters, String prefix, SafetensorsFile read, Kernels kernels) {
    for (ParameterLayout.Slot slot : parameters.layout().slots()) {
      parameters.set(kernels, slot, TensorFloats.of(read.tensor(prefix + slot.name())));
    }
  }
}
