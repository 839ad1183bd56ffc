package dev.jangle.train;

import dev.jangle.backend.Backend;
import dev.jangle.backend.Kernels;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.ModelConfig;
import dev.jangle.format.TensorFloats;

/** What a step changes: the weights and the optimizer's moments; and room for the gradients. */
final class TrainingState implements AutoCloseable {
  private final DeviceMemory memory;
  final ParameterLayout layout;
  final Parameters weights;
  final Parameters gradients;
  final Parameters firstMoment;
  final Parameters secondMoment;

  /** Steps done. */
  long steps;

  private TrainingState(Backend backend, ModelConfig config) {
    layout = new ParameterLayout(config);
    memory = new DeviceMemory(backend);
    boolean whole = false;
    try {
      weights = parameters();
      gradients = parameters();
      firstMoment = parameters();
      secondMoment = parameters();
      whole = true;
    } finally {
      if (!whole) {
        memory.close();
      }
    }
  }

  private Parameters parameters() {
    return new Parameters(layout, memory.bytes(layout.elements() * Float.BYTES));
  }

  /** The weights of a checkpoint as float32, and no steps done. */
  static TrainingState of(Backend backend, Kernels kernels, Checkpoint checkpoint) {
    TrainingState state = new TrainingState(backend, checkpoint.config());
    boolean whole = false;
    try {
      for (ParameterLayout.Slot slot : state.layout.slots()) {
        state.weights.set(kernels, slot, TensorFloats.of(checkpoint.tensor(slot.name())));
      }
      whole = true;
      return state;
    } finally {
      if (!whole) {
        state.close();
      }
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
