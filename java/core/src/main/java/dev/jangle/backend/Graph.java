package dev.jangle.backend;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Calls that {@link Kernels#capture} recorded, to be launched together. What they read and write
 * must live as long as it does. One thread at a time.
 */
public final class Graph implements AutoCloseable {
  private final Backend backend;
  private final MemorySegment handle;
  private final List<Runnable> checks;
  private boolean closed;

  Graph(Backend backend, MemorySegment handle, List<Runnable> checks) {
    this.backend = backend;
    this.handle = handle;
    this.checks = checks;
  }

  /** What the recorded calls ask of their batches, each of which throws where it is not so. */
  List<Runnable> checks() {
    return checks;
  }

  MemorySegment handle() {
    if (closed) {
      throw new IllegalStateException("the graph is closed");
    }
    return handle;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      backend.bindings.check(backend.bindings.streams.graphDestroy(handle));
    }
  }
}
