package dev.jangle.train;

import dev.jangle.backend.BackendKind;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * How to train. Immutable and thread-safe: each {@code with} method returns a changed copy. Bad
 * values throw {@link IllegalArgumentException} at once, naming the option, the value and what was
 * expected; null throws {@link NullPointerException}.
 */
public final class TrainingOptions {
  // Written only before the object leaves this class.
  private NoiseStrategy noise = new NoiseStrategy.OwnDrafts(3, 2, 0.1);
  private Optional<LoraOptions> lora = Optional.of(new LoraOptions(16, 32));
  private Optional<Path> start = Optional.empty();
  private double rate = 1e-3;
  private double warmUp = 0.05;
  private int epochs = 1;
  private int steps;
  private int length = 512;
  private int rows = 8;
  private double decay;
  private double clip = 1;
  private long seed;
  private boolean learnPrompts;
  private SampleEncoder.TooLong tooLong = SampleEncoder.TooLong.TRUNCATE;
  private double mostBad = DataSet.MOST_BAD;
  private boolean recompute;
  private int checkpointEvery = 50;
  private int keep = 2;
  private BackendKind backend = BackendKind.AUTO;
  private int threads;

  private TrainingOptions() {}

  private TrainingOptions(TrainingOptions other) {
    noise = other.noise;
    lora = other.lora;
    start = other.start;
    rate = other.rate;
    warmUp = other.warmUp;
    epochs = other.epochs;
    steps = other.steps;
    length = other.length;
    rows = other.rows;
    decay = other.decay;
    clip = other.clip;
    seed = other.seed;
    learnPrompts = other.learnPrompts;
    tooLong = other.tooLong;
    mostBad = other.mostBad;
    recompute = other.recompute;
    checkpointEvery = other.checkpointEvery;
    keep = other.keep;
    backend = other.backend;
    threads = other.threads;
  }

  /**
   * Adapters of rank 16 on all linear layers at a rate of 1e-3, the model's own drafts on branches
   * of 3, two tokens of them for each of the answers' and a tenth of its weight, one epoch, steps
   * of 8 rows of 512 tokens.
   */
  public static TrainingOptions defaults() {
    return new TrainingOptions();
  }

  /** As {@link #defaults}, but all weights are trained, at a rate of 5e-5. */
  public static TrainingOptions full() {
    return defaults().withRate(5e-5).with(copy -> copy.lora = Optional.empty());
  }

  private TrainingOptions with(Consumer<TrainingOptions> change) {
    TrainingOptions changed = new TrainingOptions(this);
    change.accept(changed);
    return changed;
  }

  /** Which inputs become noise; {@link #withNoise}. */
  public NoiseStrategy noise() {
    return noise;
  }

  /**
   * Chooses which inputs become noise.
   *
   * @param value {@link NoiseStrategy.None} for the control that learns the same data without
   */
  public TrainingOptions withNoise(NoiseStrategy value) {
    Objects.requireNonNull(value, "noise");
    return with(copy -> copy.noise = value);
  }

  /** The adapters that are trained; empty where all weights are. {@link #withLora}. */
  public Optional<LoraOptions> lora() {
    return lora;
  }

  /**
   * Trains adapters, and leaves the model's own weights as they are.
   *
   * @param value rank 16 and alpha 32 by default; {@link #full} has none
   */
  public TrainingOptions withLora(LoraOptions value) {
    return with(copy -> copy.lora = Optional.of(value));
  }

  /** The adapter that training goes on from; {@link #withStart}. */
  public Optional<Path> start() {
    return start;
  }

  /**
   * Goes on from an adapter of an earlier run, with a new schedule, instead of from none.
   *
   * @param adapter folder in PEFT's layout, of the rank and strength of {@link #lora}, on all
   *     linear layers
   */
  public TrainingOptions withStart(Path adapter) {
    Objects.requireNonNull(adapter, "start");
    return with(copy -> copy.start = Optional.of(adapter));
  }

  /** The highest learning rate; {@link #withRate}. */
  public double rate() {
    return rate;
  }

  /**
   * Sets the learning rate at the end of the warm-up, from which it falls to a tenth.
   *
   * @param value above 0; 1e-3 by default, which suits adapters
   */
  public TrainingOptions withRate(double value) {
    require(value > 0 && Double.isFinite(value), "rate", value, "a number above 0");
    return with(copy -> copy.rate = value);
  }

  /** The share of the steps in which the rate rises; {@link #withWarmUp}. */
  public double warmUp() {
    return warmUp;
  }

  /**
   * Sets the share of the run's steps in which the rate rises evenly from near 0.
   *
   * @param value from 0 up to, but not 1; 0.05 by default
   */
  public TrainingOptions withWarmUp(double value) {
    require(value >= 0 && value < 1, "warmUp", value, "0 up to, but not 1");
    return with(copy -> copy.warmUp = value);
  }

  /** How often the data is gone through; {@link #withEpochs}. */
  public int epochs() {
    return epochs;
  }

  /**
   * Sets how often the data is gone through, each time in another order and with other noise.
   *
   * @param value at least 1, the default; without effect where the number of steps is given
   */
  public TrainingOptions withEpochs(int value) {
    require(value >= 1, "epochs", value, "at least 1");
    return with(copy -> copy.epochs = value);
  }

  /** Steps of the run, 0 for as many as the epochs take; {@link #withSteps}. */
  public int steps() {
    return steps;
  }

  /**
   * Sets the number of steps.
   *
   * @param value 0, the default, for as many as the epochs take
   */
  public TrainingOptions withSteps(int value) {
    require(value >= 0, "steps", value, "0 (by epochs) or more");
    return with(copy -> copy.steps = value);
  }

  /** Tokens of a row; {@link #withLength}. */
  public int length() {
    return length;
  }

  /**
   * Sets how many inputs a row holds. Short samples share a row; a sample has at most one token
   * more than this.
   *
   * @param value at least 8; 512 by default. More than the model's context is refused by {@link
   *     Trainer#open}
   */
  public TrainingOptions withLength(int value) {
    require(value >= 8, "length", value, "at least 8");
    return with(copy -> copy.length = value);
  }

  /** Rows of a step; {@link #withRows}. */
  public int rows() {
    return rows;
  }

  /**
   * Sets how many rows a step learns from. They are computed one after another and their gradients
   * added, so more of them take no more memory.
   *
   * @param value at least 1; 8 by default
   */
  public TrainingOptions withRows(int value) {
    require(value >= 1, "rows", value, "at least 1");
    return with(copy -> copy.rows = value);
  }

  /** Weight decay; {@link #withDecay}. */
  public double decay() {
    return decay;
  }

  /**
   * Sets the decay of matrices in a step, times the learning rate.
   *
   * @param value 0, the default, or more
   */
  public TrainingOptions withDecay(double value) {
    require(value >= 0 && Double.isFinite(value), "decay", value, "0 or more");
    return with(copy -> copy.decay = value);
  }

  /** The norm to which gradients are clipped; {@link #withClip}. */
  public double clip() {
    return clip;
  }

  /**
   * Sets the largest norm of all gradients together; above it they are scaled down.
   *
   * @param value above 0; 1 by default
   */
  public TrainingOptions withClip(double value) {
    require(value > 0, "clip", value, "a number above 0");
    return with(copy -> copy.clip = value);
  }

  /** Seed of order and noise; {@link #withSeed}. */
  public long seed() {
    return seed;
  }

  /**
   * Seeds the order of the samples and the noise. With the same data, the order does not depend on
   * the noise: a control sees the same samples in the same steps.
   *
   * @param value any number; 0 by default
   */
  public TrainingOptions withSeed(long value) {
    return with(copy -> copy.seed = value);
  }

  /** Whether prompts are learnt, too; {@link #withLearnPrompts}. */
  public boolean learnPrompts() {
    return learnPrompts;
  }

  /**
   * Chooses whether the loss counts the prompts, too. Noise never stands there.
   *
   * @param value false by default
   */
  public TrainingOptions withLearnPrompts(boolean value) {
    return with(copy -> copy.learnPrompts = value);
  }

  /** What becomes of samples that are too long; {@link #withTooLong}. */
  public SampleEncoder.TooLong tooLong() {
    return tooLong;
  }

  /**
   * Chooses what becomes of samples with more tokens than a row takes.
   *
   * @param value {@link SampleEncoder.TooLong#TRUNCATE} by default
   */
  public TrainingOptions withTooLong(SampleEncoder.TooLong value) {
    Objects.requireNonNull(value, "tooLong");
    return with(copy -> copy.tooLong = value);
  }

  /** The share of bad lines that is let pass; {@link #withMostBad}. */
  public double mostBad() {
    return mostBad;
  }

  /**
   * Sets the share of bad lines in the data with which a run still begins, without them.
   *
   * @param value 0 to 1; 0.01 by default
   */
  public TrainingOptions withMostBad(double value) {
    require(value >= 0 && value <= 1, "mostBad", value, "0 to 1");
    return with(copy -> copy.mostBad = value);
  }

  /** Whether activations are computed twice; {@link #withRecompute}. */
  public boolean recompute() {
    return recompute;
  }

  /**
   * Chooses between a third more work and the memory of all layers' activations. The numbers are
   * the same.
   *
   * @param value true for less memory; false by default
   */
  public TrainingOptions withRecompute(boolean value) {
    return with(copy -> copy.recompute = value);
  }

  /** Steps between two checkpoints; {@link #withCheckpointEvery}. */
  public int checkpointEvery() {
    return checkpointEvery;
  }

  /**
   * Sets after how many steps a checkpoint is written: what a crash can lose.
   *
   * @param value at least 1; 50 by default
   */
  public TrainingOptions withCheckpointEvery(int value) {
    require(value >= 1, "checkpointEvery", value, "at least 1");
    return with(copy -> copy.checkpointEvery = value);
  }

  /** How many checkpoints are kept; {@link #withKeep}. */
  public int keep() {
    return keep;
  }

  /**
   * Sets how many of the last checkpoints are kept.
   *
   * @param value at least 1; 2 by default
   */
  public TrainingOptions withKeep(int value) {
    require(value >= 1, "keep", value, "at least 1");
    return with(copy -> copy.keep = value);
  }

  /** Where to compute; {@link #withBackend}. */
  public BackendKind backend() {
    return backend;
  }

  /**
   * Chooses where to compute.
   *
   * @param value {@link BackendKind#AUTO} by default
   */
  public TrainingOptions withBackend(BackendKind value) {
    Objects.requireNonNull(value, "backend");
    return with(copy -> copy.backend = value);
  }

  /** Threads on the CPU; {@link #withThreads}. */
  public int threads() {
    return threads;
  }

  /**
   * Sets the number of threads on the CPU, the calling one included. It changes no bit of the
   * result.
   *
   * @param value 0, the default, for one per processor; at most 256
   */
  public TrainingOptions withThreads(int value) {
    require(value >= 0 && value <= 256, "threads", value, "0 (one per processor) to 256");
    return with(copy -> copy.threads = value);
  }

  private static void require(boolean holds, String option, Object value, String expected) {
    if (!holds) {
      throw new IllegalArgumentException(option + " is " + value + "; expected " + expected);
    }
  }
}
