package dev.jangle.train;

import dev.jangle.backend.Backend;
import dev.jangle.backend.Kernels;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.LoraAdapter;
import dev.jangle.format.ModelConfig;
import dev.jangle.format.TensorFloats;

/**
 * What a step changes: the trained weights and the optimizer's moments; with room for the
 * gradients, and what it only reads: the frozen weights of the model that adapters are trained for.
 */
final class TrainingState implements AutoCloseable {
  private final DeviceMemory memory;
  private final ModelConfig config;

  /** Null where all weights are trained. */
  final LoraOptions lora;

  /** The model's weights as they were; null where they are trained. */
  private final Parameters frozen;

  /** Of what is trained. */
  final ParameterLayout layout;

  final Parameters weights;
  final Parameters gradients;
  final Parameters firstMoment;
  final Parameters secondMoment;

  /** Steps done. */
  long steps;

  private TrainingState(Backend backend, ModelConfig config, LoraOptions lora) {
    this.config = config;
    this.lora = lora;
    ParameterLayout whole = ParameterLayout.whole(config);
    layout = lora == null ? whole : ParameterLayout.adapters(config, lora.rank());
    memory = new DeviceMemory(backend);
    boolean allocated = false;
    try {
      frozen = lora == null ? null : parameters(whole);
      weights = parameters(layout);
      gradients = parameters(layout);
      firstMoment = parameters(layout);
      secondMoment = parameters(layout);
      allocated = true;
    } finally {
      if (!allocated) {
        memory.close();
      }
    }
  }

  private Parameters parameters(ParameterLayout of) {
    return new Parameters(of, memory.bytes(of.elements() * Float.BYTES));
  }

  /** All weights of a checkpoint are trained, as float32; no steps are done. */
  static TrainingState of(Backend backend, Kernels kernels, Checkpoint checkpoint) {
    TrainingState state = new TrainingState(backend, checkpoint.config(), null);
    return state.filled(() -> load(kernels, checkpoint, state.weights));
  }

  /**
   * New adapters for a checkpoint, whose own weights are frozen; no steps are done.
   *
   * @param seed of A, which is drawn as PEFT draws it: uniform within 1 / sqrt(in)
   */
  static TrainingState adapter(
      Backend backend, Kernels kernels, Checkpoint checkpoint, LoraOptions lora, long seed) {
    TrainingState state = new TrainingState(backend, checkpoint.config(), lora);
    return state.filled(
        () -> {
          load(kernels, checkpoint, state.frozen);
          draw(kernels, state.weights, seed);
        });
  }

  /**
   * The adapters of an earlier run, with new moments; no steps are done.
   *
   * @param start of this rank
   * @throws TrainingException where it lacks a linear layer, or changes the LM head
   */
  static TrainingState adapter(
      Backend backend,
      Kernels kernels,
      Checkpoint checkpoint,
      LoraOptions lora,
      LoraAdapter start) {
    requireNoHead(start);
    TrainingState state = new TrainingState(backend, checkpoint.config(), lora);
    return state.filled(
        () -> {
          load(kernels, checkpoint, state.frozen);
          for (ParameterLayout.Slot slot : state.layout.slots()) {
            state.weights.set(kernels, slot, values(start, slot.name()));
          }
        });
  }

  private static void requireNoHead(LoraAdapter start) {
    if (start.values(ParameterLayout.adapterDown("lm_head")).isPresent()) {
      throw new TrainingException(
          "%s changes lm_head.weight, which adapters in training do not; export the model with it, and train that"
              .formatted(start.path()));
    }
  }

  private static float[] values(LoraAdapter start, String name) {
    return start
        .values(name)
        .orElseThrow(
            () ->
                new TrainingException(
                    "%s has no tensor %s; training goes on from adapters of all linear layers"
                        .formatted(start.path(), name)));
  }

  private TrainingState filled(Runnable fill) {
    boolean whole = false;
    try {
      fill.run();
      whole = true;
      return this;
    } finally {
      if (!whole) {
        close();
      }
    }
  }

  /** Sets all weights to a checkpoint's, as float32. */
  static void load(Kernels kernels, Checkpoint checkpoint, Parameters into) {
    for (ParameterLayout.Slot slot : into.layout().slots()) {
      into.set(kernels, slot, TensorFloats.of(checkpoint.tensor(slot.name())));
    }
  }

  private static void draw(Kernels kernels, Parameters adapters, long seed) {
    int number = 0;
    for (ParameterLayout.Slot slot : adapters.layout().slots()) {
      number++;
      if (ParameterLayout.isAdapterUp(slot.name())) {
        continue; // zeros
      }
      CounterRandom random = new CounterRandom(seed, number);
      double bound = 1 / Math.sqrt((double) slot.cols());
      float[] values = new float[(int) slot.elements()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (bound * (2 * random.nextDouble() - 1));
      }
      adapters.set(kernels, slot, values);
    }
  }

  /** The model as it stands, for a forward pass. */
  ModelParameters model() {
    return lora == null
        ? ModelParameters.of(weights, null, config.layers())
        : ModelParameters.of(frozen, weights, config.layers());
  }

  /** Where a backward pass adds; null for what is frozen. */
  ModelParameters modelGradients() {
    return lora == null
        ? ModelParameters.of(gradients, null, config.layers())
        : ModelParameters.of(null, gradients, config.layers());
  }

  @Override
  public void close() {
    memory.close();
  }
}
