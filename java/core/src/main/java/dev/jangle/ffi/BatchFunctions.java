package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

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
  private static final MethodHandle BATCH_SET_PADDED =
      DOWNCALLS.of(
          "jg_batch_set_padded",
          ADDRESS,
          ADDRESS,
          JAVA_INT,
          JAVA_INT,
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_INT,
          ADDRESS,
          ADDRESS);
  private static final MethodHandle BATCH_SAMPLING =
      DOWNCALLS.of(
          "jg_batch_sampling",
          ADDRESS,
          JAVA_INT,
          JAVA_FLOAT,
          JAVA_INT,
          JAVA_FLOAT,
          JAVA_FLOAT,
          JAVA_LONG);

  private final MemorySegment batchCreate;
  private final MemorySegment batchDestroy;
  private final MemorySegment batchSet;
  private final MemorySegment batchSetPadded;
  private final MemorySegment batchSampling;

  BatchFunctions(Library library) {
    batchCreate = library.function("jg_batch_create");
    batchDestroy = library.function("jg_batch_destroy");
    batchSet = library.function("jg_batch_set");
    batchSetPadded = library.function("jg_batch_set_padded");
    batchSampling = library.function("jg_batch_sampling");
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

  public int batchSetPadded(
      MemorySegment stream,
      MemorySegment batch,
      int rows,
      int paddedRows,
      MemorySegment tokens,
      MemorySegment sequences,
      MemorySegment parents,
      int sequenceCount,
      MemorySegment committed,
      MemorySegment pages) {
    try {
      return (int)
          BATCH_SET_PADDED.invokeExact(
              batchSetPadded,
              stream,
              batch,
              rows,
              paddedRows,
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

  public int batchSampling(
      MemorySegment batch,
      int sequence,
      float temperature,
      int topK,
      float topP,
      float minP,
      long seed) {
    try {
      return (int)
          BATCH_SAMPLING.invokeExact(
              batchSampling, batch, sequence, temperature, topK, topP, minP, seed);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
