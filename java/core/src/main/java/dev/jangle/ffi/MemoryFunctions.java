package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Memory of a device, memory of the host that a device copies without staging, and copies. See
 * {@link Bindings}.
 */
public final class MemoryFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle BUFFER_ALLOC =
      DOWNCALLS.of("jg_buffer_alloc", ADDRESS, JAVA_LONG, ADDRESS);
  private static final MethodHandle BUFFER_FREE = DOWNCALLS.of("jg_buffer_free", ADDRESS, ADDRESS);
  private static final MethodHandle BUFFER_CHECK =
      DOWNCALLS.of("jg_buffer_check", ADDRESS, ADDRESS, JAVA_LONG);
  private static final MethodHandle HOST_ALLOC =
      DOWNCALLS.of("jg_host_alloc", ADDRESS, JAVA_LONG, ADDRESS);
  private static final MethodHandle HOST_FREE = DOWNCALLS.of("jg_host_free", ADDRESS, ADDRESS);
  private static final MethodHandle COPY_TO_DEVICE =
      DOWNCALLS.of("jg_copy_to_device", ADDRESS, ADDRESS, ADDRESS, JAVA_LONG);
  private static final MethodHandle COPY_TO_HOST =
      DOWNCALLS.of("jg_copy_to_host", ADDRESS, ADDRESS, ADDRESS, JAVA_LONG);
  private static final MethodHandle COPY =
      DOWNCALLS.of("jg_copy", ADDRESS, ADDRESS, ADDRESS, JAVA_LONG);

  private final MemorySegment bufferAlloc;
  private final MemorySegment bufferFree;
  private final MemorySegment bufferCheck;
  private final MemorySegment hostAlloc;
  private final MemorySegment hostFree;
  private final MemorySegment copyToDevice;
  private final MemorySegment copyToHost;
  private final MemorySegment copy;

  MemoryFunctions(Library library) {
    bufferAlloc = library.function("jg_buffer_alloc");
    bufferFree = library.function("jg_buffer_free");
    bufferCheck = library.function("jg_buffer_check");
    hostAlloc = library.function("jg_host_alloc");
    hostFree = library.function("jg_host_free");
    copyToDevice = library.function("jg_copy_to_device");
    copyToHost = library.function("jg_copy_to_host");
    copy = library.function("jg_copy");
  }

  public int bufferAlloc(MemorySegment context, long bytes, MemorySegment buffer) {
    try {
      return (int) BUFFER_ALLOC.invokeExact(bufferAlloc, context, bytes, buffer);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int bufferFree(MemorySegment context, MemorySegment buffer) {
    try {
      return (int) BUFFER_FREE.invokeExact(bufferFree, context, buffer);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int bufferCheck(MemorySegment context, MemorySegment memory, long bytes) {
    try {
      return (int) BUFFER_CHECK.invokeExact(bufferCheck, context, memory, bytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int hostAlloc(MemorySegment context, long bytes, MemorySegment memory) {
    try {
      return (int) HOST_ALLOC.invokeExact(hostAlloc, context, bytes, memory);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int hostFree(MemorySegment context, MemorySegment memory) {
    try {
      return (int) HOST_FREE.invokeExact(hostFree, context, memory);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int copyToDevice(
      MemorySegment stream, MemorySegment device, MemorySegment host, long bytes) {
    try {
      return (int) COPY_TO_DEVICE.invokeExact(copyToDevice, stream, device, host, bytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int copyToHost(
      MemorySegment stream, MemorySegment host, MemorySegment device, long bytes) {
    try {
      return (int) COPY_TO_HOST.invokeExact(copyToHost, stream, host, device, bytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int copy(MemorySegment stream, MemorySegment to, MemorySegment from, long bytes) {
    try {
      return (int) COPY.invokeExact(copy, stream, to, from, bytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
