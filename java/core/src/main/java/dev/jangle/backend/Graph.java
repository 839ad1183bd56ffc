package dev.jangle.backend;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;

/**
 * Calls that {@link Kernels#capture} recorded, to be launched together. What they read and write
 * must live as long as it does: a launch refuses what is closed. One thread at a time.
 */
public final class Graph implements AutoCloseable {
  private final Backend backend;
  private final MemorySegment handle;
  private final Recorded recorded;
  private boolean closed;

  /**
   * What the recorded calls need at each launch.
   *
   * @param operands what they work on
   * @param checks what they ask of their batches, each of which throws where it is not so
   */
  record Recorded(Set<Operand> operands, List<Runnable> checks) {}

  Graph(Backend backend, MemorySegment handle, Recorded recorded) {
    this.backend = backend;
    this.handle = handle;
    this.recorded = recorded;
  }

  /** For a launch, after checking that all is as the recorded calls need it. */
  MemorySegment handle(Kernels kernels) {
    if (closed) {
      throw new IllegalStateException("the graph is closed");
    }
    if (backend != kernels.backend()) {
      throw new IllegalArgumentException("the graph was recorded on another backend");
    }
    for (Operand operand : recorded.operands()) {
      operand.requireUsable(kernels);
    }
    recorded.checks().forEach(Runnable::run);
    return handle;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      backend.check(backend.bindings.streams.graphDestroy(handle));
    }
  }
}
