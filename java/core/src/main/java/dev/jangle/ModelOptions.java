package dev.jangle;

import dev.jangle.backend.BackendKind;
import dev.jangle.backend.Tier;
import dev.jangle.format.DType;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/**
 * How to open a model. Immutable: each {@code with} method returns a changed copy. Bad values throw
 * {@link IllegalArgumentException} at once, naming the option, the value and what was expected;
 * null throws {@link NullPointerException}.
 *
 * @param backend where to compute
 * @param threads worker threads on the CPU, the calling one included; 0 for one per processor
 * @param tier a lower instruction-set tier by force; empty for the best
 * @param contextLength the most tokens of prompt and output; 0 for the smaller of the model's own
 *     and 4096
 * @param kvFormat format of the KV cache: F16 or F32
 * @param adapter folder of a LoRA adapter to add to the weights; empty for none
 * @param progress told how far the loading is
 */
public record ModelOptions(
    BackendKind backend,
    int threads,
    Optional<Tier> tier,
    int contextLength,
    DType kvFormat,
    Optional<Path> adapter,
    LoadProgress progress) {

  /**
   * Checks every value. What depends on the model or the machine is checked by {@link Model#open}.
   *
   * @throws IllegalArgumentException where a value is out of its range
   */
  public ModelOptions {
    Objects.requireNonNull(backend, "backend");
    Objects.requireNonNull(tier, "tier");
    Objects.requireNonNull(adapter, "adapter");
    Objects.requireNonNull(progress, "progress");
    if (threads < 0 || threads > 256) {
      throw new IllegalArgumentException(
          "threads is " + threads + "; expected 0 (one per processor) to 256");
    }
    if (contextLength < 0) {
      throw new IllegalArgumentException(
          "contextLength is " + contextLength + "; expected 0 (default) or more");
    }
    if (kvFormat != DType.F16 && kvFormat != DType.F32) {
      throw new IllegalArgumentException("kvFormat is " + kvFormat + "; expected F16 or F32");
    }
  }

  /** Any backend that works, all processors, an F16 cache. */
  public static ModelOptions defaults() {
    return new ModelOptions(
        BackendKind.AUTO, 0, Optional.empty(), 0, DType.F16, Optional.empty(), (done, total) -> {});
  }

  /**
   * Chooses where to compute. {@link Model#open} throws a {@link
   * dev.jangle.backend.BackendException} where an explicit choice cannot be used.
   *
   * @param value {@link BackendKind#AUTO} by default: CUDA where it works, else the CPU
   */
  public ModelOptions withBackend(BackendKind value) {
    return new ModelOptions(value, threads, tier, contextLength, kvFormat, adapter, progress);
  }

  /**
   * Sets the number of threads that compute on the CPU. It changes no bit of a result. A GPU
   * ignores it.
   *
   * @param value threads, the calling one included, 1 to 256; 0, the default, for one per processor
   *     that this process may use
   * @throws IllegalArgumentException where it is outside
   */
  public ModelOptions withThreads(int value) {
    return new ModelOptions(backend, value, tier, contextLength, kvFormat, adapter, progress);
  }

  /**
   * Forces a lower instruction-set tier of the CPU than the best, to compare or to reproduce the
   * bits of another machine. With {@link BackendKind#AUTO}, a tier chooses the CPU.
   *
   * @param value the tier; the best that the processor has by default. {@link Model#open} throws a
   *     {@link dev.jangle.backend.BackendException} where the backend does not have it
   */
  public ModelOptions withTier(Tier value) {
    return new ModelOptions(
        backend, threads, Optional.of(value), contextLength, kvFormat, adapter, progress);
  }

  /**
   * Sets how long prompt and answers of a conversation may become together. The KV cache of every
   * {@link Session} is that long: see {@link Model#cacheBytes}.
   *
   * @param value tokens; 0, the default, for the smaller of the model's own length and 4,096.
   *     {@link Model#open} throws an {@link IllegalArgumentException} where it is more than the
   *     model's own
   * @throws IllegalArgumentException where it is negative
   */
  public ModelOptions withContextLength(int value) {
    return new ModelOptions(backend, threads, tier, value, kvFormat, adapter, progress);
  }

  /**
   * Chooses the format that keys and values are kept in. F32 takes twice the memory of F16; results
   * of the two differ in their last bits.
   *
   * @param value {@link DType#F16}, the default, or {@link DType#F32}
   * @throws IllegalArgumentException where it is another
   */
  public ModelOptions withKvFormat(DType value) {
    return new ModelOptions(backend, threads, tier, contextLength, value, adapter, progress);
  }

  /**
   * Adds a LoRA adapter to the weights as they are loaded; see {@link
   * dev.jangle.format.LoraAdapter#merge}. They keep their formats, but weights of 4 bits become
   * Q8_0.
   *
   * @param value a folder in PEFT's layout. {@link Model#open} throws a {@link
   *     dev.jangle.format.FormatException} where it is not one for this model
   */
  public ModelOptions withAdapter(Path value) {
    return new ModelOptions(
        backend, threads, tier, contextLength, kvFormat, Optional.of(value), progress);
  }

  /**
   * Sets who is told how far the loading is. What it throws ends the loading, and {@link
   * Model#open} throws it.
   *
   * @param value called on the thread that opens the model; by default nobody is told
   */
  public ModelOptions withProgress(LoadProgress value) {
    return new ModelOptions(backend, threads, tier, contextLength, kvFormat, adapter, value);
  }
}
