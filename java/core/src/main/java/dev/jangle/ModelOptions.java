package dev.jangle;

import dev.jangle.backend.BackendKind;
import dev.jangle.backend.Tier;
import dev.jangle.format.DType;
import java.util.Objects;
import java.util.Optional;

/**
 * How to open a model. Immutable; bad values throw {@link IllegalArgumentException} at once.
 *
 * @param backend where to compute
 * @param threads worker threads on the CPU, the calling one included; 0 for one per processor
 * @param tier a lower instruction-set tier by force; empty for the best
 * @param contextLength the most tokens of prompt and output; 0 for the smaller of the model's own
 *     and 4096
 * @param kvFormat format of the KV cache: F16 or F32
 * @param progress told how far the loading is
 */
public record ModelOptions(
    BackendKind backend,
    int threads,
    Optional<Tier> tier,
    int contextLength,
    DType kvFormat,
    LoadProgress progress) {

  public ModelOptions {
    Objects.requireNonNull(backend, "backend");
    Objects.requireNonNull(tier, "tier");
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
        BackendKind.AUTO, 0, Optional.empty(), 0, DType.F16, (done, total) -> {});
  }

  public ModelOptions withBackend(BackendKind value) {
    return new ModelOptions(value, threads, tier, contextLength, kvFormat, progress);
  }

  public ModelOptions withThreads(int value) {
    return new ModelOptions(backend, value, tier, contextLength, kvFormat, progress);
  }

  public ModelOptions withTier(Tier value) {
    return new ModelOptions(
        backend, threads, Optional.of(value), contextLength, kvFormat, progress);
  }

  public ModelOptions withContextLength(int value) {
    return new ModelOptions(backend, threads, tier, value, kvFormat, progress);
  }

  public ModelOptions withKvFormat(DType value) {
    return new ModelOptions(backend, threads, tier, contextLength, value, progress);
  }

  public ModelOptions withProgress(LoadProgress value) {
    return new ModelOptions(backend, threads, tier, contextLength, kvFormat, value);
  }
}
