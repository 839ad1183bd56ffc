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
      backend.bindings.check(backend.bindings.events.eventCreate(backend.context(), out));
      handle = out.get(ADDRESS, 0);
    }
  }

  /**
   * Milliseconds from an event to this one. Waits until both have happened.
   *
   * @throws dev.jangle.ffi.NativeException where one was never recorded
   */
  public double millisSince(Event start) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment millis = arena.allocate(JAVA_DOUBLE);
      backend.bindings.check(
          backend.bindings.events.eventElapsed(start.handle(), handle(), millis));
      return millis.get(JAVA_DOUBLE, 0);
    }
  }

  MemorySegment handle() {
    if (closed) {
      throw new IllegalStateException("the event is closed");
    }
    return handle;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      backend.bindings.check(backend.bindings.events.eventDestroy(handle));
    }
  }
}
