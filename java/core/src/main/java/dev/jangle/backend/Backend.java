package dev.jangle.backend;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.jangle.ffi.Bindings;
import dev.jangle.ffi.NativeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A device, its worker threads, and its memory. Thread-safe; close it after everything that was
 * made from it.
 */
public final class Backend implements AutoCloseable {
  private static final Map<String, Bindings> LIBRARIES = new ConcurrentHashMap<>();

  final Bindings bindings;
  private final BackendKind kind;
  private final MemorySegment context;
  private final String deviceName;
  private final int threads;
  private final Tier tier;
  private volatile boolean closed;

  private Backend(BackendKind kind, Bindings bindings, int threads, Tier tier) {
    this.kind = kind;
    this.bindings = bindings;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(256);
      bindings.check(bindings.deviceName(0, name, name.byteSize()));
      deviceName = name.getString(0).strip();
      MemorySegment out = arena.allocate(ADDRESS);
      bindings.check(bindings.contextCreate(0, threads, tier == null ? -1 : tier.code(), out));
      context = out.get(ADDRESS, 0);
      MemorySegment ints = arena.allocate(JAVA_INT, 2);
      bindings.check(bindings.contextInfo(context, ints, ints.asSlice(JAVA_INT.byteSize())));
      this.threads = ints.getAtIndex(JAVA_INT, 0);
      this.tier = Tier.of(ints.getAtIndex(JAVA_INT, 1));
    }
  }

  /**
   * Opens a backend.
   *
   * @param threads worker threads, the caller included; 0 for one per processor
   * @param tier a lower instruction-set tier by force, or null for the best
   * @throws BackendException where it cannot be used, with the reason
   */
  public static Backend open(BackendKind kind, int threads, Tier tier) {
    if (kind == BackendKind.CUDA) {
      throw new BackendException(
          "the CUDA backend is not part of this build; use --backend cpu or auto", null);
    }
    try {
      Bindings bindings = LIBRARIES.computeIfAbsent("cpu", Bindings::load);
      return new Backend(BackendKind.CPU, bindings, threads, tier);
    } catch (NativeException | UnsatisfiedLinkError e) {
      throw new BackendException("the CPU backend cannot be used: " + e.getMessage(), e);
    }
  }

  /** CPU or CUDA, never AUTO. */
  public BackendKind kind() {
    return kind;
  }

  /** The processor's or GPU's name. */
  public String deviceName() {
    return deviceName;
  }

  /** Worker threads, the calling one included. */
  public int threads() {
    return threads;
  }

  /** The instruction-set tier in use. */
  public Tier tier() {
    return tier;
  }

  /** Bytes of memory that are free now. */
  public long freeBytes() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment longs = arena.allocate(JAVA_LONG, 2);
      bindings.check(bindings.memoryInfo(context(), longs, longs.asSlice(JAVA_LONG.byteSize())));
      return longs.getAtIndex(JAVA_LONG, 0);
    }
  }

  /**
   * Takes zero-filled device memory.
   *
   * @throws OutOfDeviceMemoryException naming what was asked for and what is free
   */
  public DeviceBuffer allocate(long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ADDRESS);
      int status = bindings.bufferAlloc(context(), bytes, out);
      if (status == OutOfDeviceMemoryException.STATUS) {
        throw new OutOfDeviceMemoryException(bindings.lastError());
      }
      bindings.check(status);
      return new DeviceBuffer(this, out.get(ADDRESS, 0).address(), bytes);
    }
  }

  void free(long address) {
    bindings.check(bindings.bufferFree(context(), MemorySegment.ofAddress(address)));
  }

  /** A new order of execution with the operations on it. */
  public Kernels newKernels() {
    return new Kernels(this);
  }

  MemorySegment context() {
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
    return context;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      bindings.check(bindings.contextDestroy(context));
    }
  }
}
