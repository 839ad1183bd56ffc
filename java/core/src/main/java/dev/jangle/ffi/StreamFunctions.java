package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Streams, and graphs recorded on them. See {@link Bindings}. */
public final class StreamFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle STREAM_CREATE =
      DOWNCALLS.of("jg_stream_create", ADDRESS, ADDRESS);
  private static final MethodHandle STREAM_WRAP =
      DOWNCALLS.of("jg_stream_wrap", ADDRESS, ADDRESS, ADDRESS);
  private static final MethodHandle STREAM_DESTROY = DOWNCALLS.of("jg_stream_destroy", ADDRESS);
  private static final MethodHandle STREAM_SYNCHRONIZE =
      DOWNCALLS.of("jg_stream_synchronize", ADDRESS);
  private static final MethodHandle STREAM_HANDLE =
      DOWNCALLS.of("jg_stream_handle", ADDRESS, ADDRESS);
  private static final MethodHandle GRAPH_BEGIN = DOWNCALLS.of("jg_graph_begin", ADDRESS);
  private static final MethodHandle GRAPH_END = DOWNCALLS.of("jg_graph_end", ADDRESS, ADDRESS);
  private static final MethodHandle GRAPH_LAUNCH =
      DOWNCALLS.of("jg_graph_launch", ADDRESS, ADDRESS);
  private static final MethodHandle GRAPH_DESTROY = DOWNCALLS.of("jg_graph_destroy", ADDRESS);

  private final MemorySegment streamCreate;
  private final MemorySegment streamWrap;
  private final MemorySegment streamDestroy;
  private final MemorySegment streamSynchronize;
  private final MemorySegment streamHandle;
  private final MemorySegment graphBegin;
  private final MemorySegment graphEnd;
  private final MemorySegment graphLaunch;
  private final MemorySegment graphDestroy;

  StreamFunctions(Library library) {
    streamCreate = library.function("jg_stream_create");
    streamWrap = library.function("jg_stream_wrap");
    streamDestroy = library.function("jg_stream_destroy");
    streamSynchronize = library.function("jg_stream_synchronize");
    streamHandle = library.function("jg_stream_handle");
    graphBegin = library.function("jg_graph_begin");
    graphEnd = library.function("jg_graph_end");
    graphLaunch = library.function("jg_graph_launch");
    graphDestroy = library.function("jg_graph_destroy");
  }

  public int streamCreate(MemorySegment context, MemorySegment stream) {
    try {
      return (int) STREAM_CREATE.invokeExact(streamCreate, context, stream);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int streamWrap(MemorySegment context, MemorySegment handle, MemorySegment stream) {
    try {
      return (int) STREAM_WRAP.invokeExact(streamWrap, context, handle, stream);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int streamDestroy(MemorySegment stream) {
    try {
      return (int) STREAM_DESTROY.invokeExact(streamDestroy, stream);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int streamSynchronize(MemorySegment stream) {
    try {
      return (int) STREAM_SYNCHRONIZE.invokeExact(streamSynchronize, stream);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int streamHandle(MemorySegment stream, MemorySegment handle) {
    try {
      return (int) STREAM_HANDLE.invokeExact(streamHandle, stream, handle);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int graphBegin(MemorySegment stream) {
    try {
      return (int) GRAPH_BEGIN.invokeExact(graphBegin, stream);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int graphEnd(MemorySegment stream, MemorySegment graph) {
    try {
      return (int) GRAPH_END.invokeExact(graphEnd, stream, graph);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int graphLaunch(MemorySegment stream, MemorySegment graph) {
    try {
      return (int) GRAPH_LAUNCH.invokeExact(graphLaunch, stream, graph);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int graphDestroy(MemorySegment graph) {
    try {
      return (int) GRAPH_DESTROY.invokeExact(graphDestroy, graph);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
