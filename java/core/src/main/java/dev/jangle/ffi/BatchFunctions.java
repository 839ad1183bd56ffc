package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** The rows of a forward pass. See {@link Bindings}. */
public final class BatchFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle BATCH_CREATE =
      DOWNCALLS.of("jg_batch_create", ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle BATCH_DESTROY = DOWNCALLS.of("jg_batch_destroy", ADDRESS);
  private static final MethodHandle BATCH_SET =
      DOWNCALLS.of(
          "jg_batch_set",
          ADDRESS,
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          ADDRESS);

  private final MemorySegment batchCreate;
  private final MemorySegment batchDestroy;
  private final MemorySegment batchSet;

  BatchFunctions(Library library) {
    batchCreate = library.function("jg_batch_create");
    batchDestroy = library.function("jg_batch_destroy");
    batchSet = library.function("jg_batch_set");
  }

  public int batchCreate(
      MemorySegment context, int maxRows, int maxSequences, int maxPages, MemorySegment batch) {
    try {
      return (int)
          BATCH_CREATE.invokeExact(batchCreate, context, maxRows, maxSequences, maxPages, batch);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int batchDestroy(MemorySegment batch) {
    try {
      return (int) BATCH_DESTROY.invokeExact(batchDestroy, batch);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int batchSet(
      MemorySegment stream,
      MemorySegment batch,
      int rows,
      MemorySegment tokens,
      MemorySegment sequences,
      MemorySegment parents,
      int sequenceCount,
      MemorySegment committed,
      MemorySegment pages) {
    try {
      return (int)
          BATCH_SET.invokeExact(
              batchSet,
              stream,
              batch,
              rows,
              tokens,
              sequences,
              parents,
              sequenceCount,
              committed,
              pages);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
