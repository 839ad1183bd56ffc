package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * What depends on positions: rotation, the KV cache, and attention over it. See {@link Bindings}.
 */
public final class CacheFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle ROPE =
      DOWNCALLS.of(
          "jg_rope", ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS,
          JAVA_LONG);
  private static final MethodHandle KV_APPEND =
      DOWNCALLS.of(
          "jg_kv_append",
          ADDRESS,
          ADDRESS,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS);
  private static final MethodHandle KV_GATHER =
      DOWNCALLS.of(
          "jg_kv_gather",
          ADDRESS,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          ADDRESS);
  private static final MethodHandle ACCEPT =
      DOWNCALLS.of(
          "jg_accept",
          ADDRESS,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS);
  private static final MethodHandle ATTENTION_SCRATCH_BYTES =
      DOWNCALLS.of(
          "jg_attention_scratch_bytes",
          ADDRESS,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          ADDRESS);
  private static final MethodHandle ATTENTION =
      DOWNCALLS.of(
          "jg_attention",
          ADDRESS,
          ADDRESS,
          JAVA_INT,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_LONG,
          JAVA_FLOAT,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          JAVA_LONG);

  private final MemorySegment rope;
  private final MemorySegment kvAppend;
  private final MemorySegment kvGather;
  private final MemorySegment accept;
  private final MemorySegment attentionScratchBytes;
  private final MemorySegment attention;

  CacheFunctions(Library library) {
    rope = library.function("jg_rope");
    kvAppend = library.function("jg_kv_append");
    kvGather = library.function("jg_kv_gather");
    accept = library.function("jg_accept");
    attentionScratchBytes = library.function("jg_attention_scratch_bytes");
    attention = library.function("jg_attention");
  }

  public int rope(
      MemorySegment stream,
      MemorySegment batch,
      long heads,
      long headDim,
      MemorySegment table,
      long tablePositions,
      MemorySegment x,
      long ldx) {
    try {
      return (int)
          ROPE.invokeExact(rope, stream, batch, heads, headDim, table, tablePositions, x, ldx);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int kvAppend(
      MemorySegment stream,
      MemorySegment batch,
      int dtype,
      long kvHeads,
      long headDim,
      MemorySegment k,
      long ldk,
      MemorySegment v,
      long ldv,
      MemorySegment kvPages) {
    try {
      return (int)
          KV_APPEND.invokeExact(
              kvAppend, stream, batch, dtype, kvHeads, headDim, k, ldk, v, ldv, kvPages);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int kvGather(
      MemorySegment stream,
      int dtype,
      long kvHeads,
      long headDim,
      long layers,
      long layerBytes,
      MemorySegment pageTable,
      long pageCount,
      long count,
      MemorySegment from,
      MemorySegment to,
      MemorySegment kvPages) {
    try {
      return (int)
          KV_GATHER.invokeExact(
              kvGather,
              stream,
              dtype,
              kvHeads,
              headDim,
              layers,
              layerBytes,
              pageTable,
              pageCount,
              count,
              from,
              to,
              kvPages);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int accept(
      MemorySegment stream,
      MemorySegment batch,
      MemorySegment ids,
      long ldids,
      int dtype,
      long kvHeads,
      long headDim,
      long layers,
      long layerBytes,
      MemorySegment kvPages) {
    try {
      return (int)
          ACCEPT.invokeExact(
              accept,
              stream,
              batch,
              ids,
              ldids,
              dtype,
              kvHeads,
              headDim,
              layers,
              layerBytes,
              kvPages);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int attentionScratchBytes(
      MemorySegment context,
      long heads,
      long headDim,
      long rows,
      long maxPages,
      MemorySegment scratchBytes) {
    try {
      return (int)
          ATTENTION_SCRATCH_BYTES.invokeExact(
              attentionScratchBytes, context, heads, headDim, rows, maxPages, scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int attention(
      MemorySegment stream,
      MemorySegment batch,
      int dtype,
      long heads,
      long kvHeads,
      long headDim,
      float scale,
      MemorySegment kvPages,
      MemorySegment q,
      long ldq,
      MemorySegment out,
      long ldout,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          ATTENTION.invokeExact(
              attention,
              stream,
              batch,
              dtype,
              heads,
              kvHeads,
              headDim,
              scale,
              kvPages,
              q,
              ldq,
              out,
              ldout,
              scratch,
              scratchBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
