package dev.jangle.decode;

import dev.jangle.backend.Backend;
import dev.jangle.format.DType;
import dev.jangle.model.Transformer;

/**
 * What decoding learns of a model, shared by its sessions: T(m), measured when first asked for, and
 * the recycled successors. Thread-safe.
 */
public final class DraftMemory {
  private final Transformer transformer;
  private final Backend backend;
  private final DType kvFormat;
  private final RecyclingTable recycling;
  private StepCosts costs;

  public DraftMemory(Transformer transformer, Backend backend, DType kvFormat) {
    this.transformer = transformer;
    this.backend = backend;
    this.kvFormat = kvFormat;
    this.recycling = new RecyclingTable(transformer.config().vocabSize());
  }

  /** T(m) of this model on this backend. The first call takes as long as a few dozen tokens. */
  public synchronized StepCosts costs() {
    if (costs == null) {
      costs = StepCostMeter.measure(transformer, backend, kvFormat);
    }
    return costs;
  }

  /** Corrects T(m), where it was measured, by a pass that was decoded. */
  synchronized void observe(int rows, int positions, long nanos) {
    if (costs != null) {
      costs.observe(rows, positions, nanos);
    }
  }

  RecyclingTable recycling() {
    return recycling;
  }
}
