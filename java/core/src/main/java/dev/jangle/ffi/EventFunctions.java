package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Moments in a stream's order, and the time between two. See {@link Bindings}. */
public final class EventFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle EVENT_CREATE =
      DOWNCALLS.of("jg_event_create", ADDRESS, ADDRESS);
  private static final MethodHandle EVENT_DESTROY = DOWNCALLS.of("jg_event_destroy", ADDRESS);
  private static final MethodHandle EVENT_RECORD =
      DOWNCALLS.of("jg_event_record", ADDRESS, ADDRESS);
  private static final MethodHandle EVENT_ELAPSED =
      DOWNCALLS.of("jg_event_elapsed", ADDRESS, ADDRESS, ADDRESS);

  private final MemorySegment eventCreate;
  private final MemorySegment eventDestroy;
  private final MemorySegment eventRecord;
  private final MemorySegment eventElapsed;

  EventFunctions(Library library) {
    eventCreate = library.function("jg_event_create");
    eventDestroy = library.function("jg_event_destroy");
    eventRecord = library.function("jg_event_record");
    eventElapsed = library.function("jg_event_elapsed");
  }

  public int eventCreate(MemorySegment context, MemorySegment event) {
    try {
      return (int) EVENT_CREATE.invokeExact(eventCreate, context, event);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int eventDestroy(MemorySegment event) {
    try {
      return (int) EVENT_DESTROY.invokeExact(eventDestroy, event);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int eventRecord(MemorySegment stream, MemorySegment event) {
    try {
      return (int) EVENT_RECORD.invokeExact(eventRecord, stream, event);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int eventElapsed(MemorySegment start, MemorySegment end, MemorySegment milliseconds) {
    try {
      return (int) EVENT_ELAPSED.invokeExact(eventElapsed, start, end, milliseconds);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
