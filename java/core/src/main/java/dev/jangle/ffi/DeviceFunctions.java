package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Devices and contexts. See {@link Bindings}. */
public final class DeviceFunctions {
  static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle DEVICE_COUNT = DOWNCALLS.of("jg_device_count", ADDRESS);
  private static final MethodHandle DEVICE_NAME =
      DOWNCALLS.of("jg_device_name", JAVA_INT, ADDRESS, JAVA_LONG);
  private static final MethodHandle DEVICE_TIER = DOWNCALLS.of("jg_device_tier", JAVA_INT, ADDRESS);
  private static final MethodHandle DEVICE_CACHE_BYTES =
      DOWNCALLS.of("jg_device_cache_bytes", JAVA_INT, ADDRESS);
  private static final MethodHandle CONTEXT_CREATE =
      DOWNCALLS.of("jg_context_create", JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle CONTEXT_DESTROY = DOWNCALLS.of("jg_context_destroy", ADDRESS);
  private static final MethodHandle CONTEXT_INFO =
      DOWNCALLS.of("jg_context_info", ADDRESS, ADDRESS, ADDRESS);
  private static final MethodHandle MEMORY_INFO =
      DOWNCALLS.of("jg_memory_info", ADDRESS, ADDRESS, ADDRESS);

  private final MemorySegment deviceCount;
  private final MemorySegment deviceName;
  private final MemorySegment deviceTier;
  private final MemorySegment deviceCacheBytes;
  private final MemorySegment contextCreate;
  private final MemorySegment contextDestroy;
  private final MemorySegment contextInfo;
  private final MemorySegment memoryInfo;

  DeviceFunctions(Library library) {
    deviceCount = library.function("jg_device_count");
    deviceName = library.function("jg_device_name");
    deviceTier = library.function("jg_device_tier");
    deviceCacheBytes = library.function("jg_device_cache_bytes");
    contextCreate = library.function("jg_context_create");
    contextDestroy = library.function("jg_context_destroy");
    contextInfo = library.function("jg_context_info");
    memoryInfo = library.function("jg_memory_info");
  }

  public int deviceCount(MemorySegment count) {
    try {
      return (int) DEVICE_COUNT.invokeExact(deviceCount, count);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int deviceName(int device, MemorySegment name, long capacity) {
    try {
      return (int) DEVICE_NAME.invokeExact(deviceName, device, name, capacity);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int deviceTier(int device, MemorySegment tier) {
    try {
      return (int) DEVICE_TIER.invokeExact(deviceTier, device, tier);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int deviceCacheBytes(int device, MemorySegment cacheBytes) {
    try {
      return (int) DEVICE_CACHE_BYTES.invokeExact(deviceCacheBytes, device, cacheBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int contextCreate(int device, int threads, int tier, MemorySegment context) {
    try {
      return (int) CONTEXT_CREATE.invokeExact(contextCreate, device, threads, tier, context);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int contextDestroy(MemorySegment context) {
    try {
      return (int) CONTEXT_DESTROY.invokeExact(contextDestroy, context);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int contextInfo(MemorySegment context, MemorySegment threads, MemorySegment tier) {
    try {
      return (int) CONTEXT_INFO.invokeExact(contextInfo, context, threads, tier);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }

  public int memoryInfo(MemorySegment context, MemorySegment freeBytes, MemorySegment totalBytes) {
    try {
      return (int) MEMORY_INFO.invokeExact(memoryInfo, context, freeBytes, totalBytes);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
