package dev.jangle.backend;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A moment in the order of a stream, taken by {@link Kernels#record} on the device's own clock: a
 * GPU resolves about half a microsecond. One thread at a time.
 */
public final class Event implements AutoCloseable {
  private final Backend backend;
  private final MemorySegment handle;
  private boolean closed;

  Event(Backend backend) {
    this.backend = backend;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ADDRESS);
      backend.check(backend.bindings.events.eventCreate(backend.context(), out));
      handle = out.get(ADDRESS, 0);
    }
  }

  /**
   * Milliseconds from an event to this one. Waits until both have happened.
   *
   * @throws RuntimeException where one was never recorded
   * @throws IllegalArgumentException where the events are of different backends
   */
  public double millisSince(Event start) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment millis = arena.allocate(JAVA_DOUBLE);
      backend.check(
          backend.bindings.events.eventElapsed(start.handle(backend), handle(backend), millis));
      return millis.get(JAVA_DOUBLE, 0);
    }
  }

  MemorySegment handle(Backend user) {
    if (backend != user) {
      throw new IllegalArgumentException("the event is of another backend");
    }
    if (closed) {
      throw new IllegalStateException("the event is closed");
    }
    return handle;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      backend.check(backend.bindings.events.eventDestroy(handle));
    }
  }
}
