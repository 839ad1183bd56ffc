package dev.jangle.backend;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.jangle.ffi.Bindings;
import dev.jangle.ffi.NativeAccess;
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
  private static final int MOST_THREADS = 256;

  final Bindings bindings;
  private final BackendKind kind;
  private final MemorySegment context;
  private final String deviceName;
  private final int threads;
  private final Tier tier;
  private final String fallback;
  private volatile boolean closed;

  private Backend(BackendKind kind, Bindings bindings, int threads, Tier tier, String fallback) {
    this.kind = kind;
    this.fallback = fallback;
    this.bindings = bindings;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(256);
      bindings.check(bindings.devices.deviceName(0, name, name.byteSize()));
      deviceName = name.getString(0).strip();
      MemorySegment out = arena.allocate(ADDRESS);
      bindings.check(
          bindings.devices.contextCreate(0, threads, tier == null ? -1 : tier.code(), out));
      context = out.get(ADDRESS, 0);
      MemorySegment ints = arena.allocate(JAVA_INT, 2);
      bindings.check(
          bindings.devices.contextInfo(context, ints, ints.asSlice(JAVA_INT.byteSize())));
      this.threads = ints.getAtIndex(JAVA_INT, 0);
      this.tier = Tier.of(ints.getAtIndex(JAVA_INT, 1));
    }
  }

  /**
   * Opens a backend. {@link BackendKind#AUTO} is CUDA where it works and no tier is asked for, else
   * the CPU, which then knows the {@link #fallback} reason.
   *
   * @param threads worker threads, the caller included, at most 256; 0 for one per {@linkplain
   *     Runtime#availableProcessors processor}; a GPU has none
   * @param tier a lower instruction-set tier of the CPU by force, or null for the best
   * @throws BackendException where it cannot be used, with the reason
   */
  public static Backend open(BackendKind kind, int threads, Tier tier) {
    return switch (kind) {
      case CPU -> cpu(threads, tier, "");
      case CUDA -> cuda(tier);
      case AUTO -> {
        if (tier != null) {
          yield cpu(threads, tier, "a tier of the CPU was asked for");
        }
        String reason;
        try {
          yield cuda(null);
        } catch (BackendException e) {
          reason = e.getMessage();
        }
        yield cpu(threads, null, reason);
      }
    };
  }

  private static Backend cpu(int threads, Tier tier, String fallback) {
    try {
      if (tier == Tier.CUDA) {
        throw new BackendException("the CPU has no tier " + tier, null);
      }
      // The JVM knows of a container's share of processor time, which the library does not.
      int count =
          threads == 0
              ? Math.min(MOST_THREADS, Runtime.getRuntime().availableProcessors())
              : threads;
      return new Backend(BackendKind.CPU, library("cpu"), count, tier, fallback);
    } catch (NativeException | UnsatisfiedLinkError | IllegalCallerException e) {
      throw new BackendException("the CPU backend cannot be used: " + e.getMessage(), e);
    }
  }

  private static Backend cuda(Tier tier) {
    if (tier != null && tier != Tier.CUDA) {
      throw new BackendException(
          "tier %s is one of the CPU; leave it out, or use --backend cpu".formatted(tier), null);
    }
    try {
      return new Backend(BackendKind.CUDA, library("cuda"), 0, null, "");
    } catch (NativeException | UnsatisfiedLinkError | IllegalCallerException e) {
      throw new BackendException("the CUDA backend cannot be used: " + e.getMessage(), e);
    }
  }

  private static Bindings library(String name) {
    NativeAccess.require();
    return LIBRARIES.computeIfAbsent(name, Bindings::load);
  }

  /** CPU or CUDA, never AUTO. */
  public BackendKind kind() {
    return kind;
  }

  /** The processor's or GPU's name. */
  public String deviceName() {
    return deviceName;
  }

  /** Why AUTO did not choose CUDA; empty where it did, or where the CPU was asked for. */
  public String fallback() {
    return fallback;
  }

  /** Worker threads, the calling one included; 1 on a GPU. */
  public int threads() {
    return threads;
  }

  /** The instruction set in use. */
  public Tier tier() {
    return tier;
  }

  /** Bytes of memory that are free now; on the CPU within the limit of a container, too. */
  public long freeBytes() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment longs = arena.allocate(JAVA_LONG, 2);
      check(bindings.devices.memoryInfo(context(), longs, longs.asSlice(JAVA_LONG.byteSize())));
      return longs.getAtIndex(JAVA_LONG, 0);
    }
  }

  /**
   * Bytes of the device's last cache. Who measures its memory must read several times as much
   * before reading the same again.
   */
  public long cacheBytes() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(JAVA_LONG);
      check(bindings.devices.deviceCacheBytes(0, bytes));
      return bytes.get(JAVA_LONG, 0);
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
      check(bindings.memory.bufferAlloc(context(), bytes, out));
      return new DeviceBuffer(this, out.get(ADDRESS, 0).address(), bytes, true);
    }
  }

  /**
   * Takes zero-filled host memory that the device copies to and from by itself.
   *
   * @throws OutOfDeviceMemoryException where there is none
   */
  public HostBuffer allocateHost(long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ADDRESS);
      check(bindings.memory.hostAlloc(context(), bytes, out));
      return new HostBuffer(this, out.get(ADDRESS, 0).address(), bytes);
    }
  }

  /**
   * Memory of the GPU that another library took, as a buffer. It stays the other library's: closing
   * the buffer frees nothing, and the memory must not be freed before. That the GPU has memory at
   * both ends of the range, aligned to 256 bytes, is checked; that all of it is the caller's cannot
   * be.
   *
   * @param address as the GPU knows it
   * @throws RuntimeException on the CPU, or where the range is not such memory, with the reason
   */
  public DeviceBuffer wrap(long address, long bytes) {
    check(bindings.memory.bufferCheck(context(), MemorySegment.ofAddress(address), bytes));
    return new DeviceBuffer(this, address, bytes, false);
  }

  /**
   * The operations in the order of a stream that another library made. It stays the other
   * library's: {@link Kernels#close} waits for what is on it and leaves it as it is, and the stream
   * must not be destroyed before.
   *
   * @param stream a {@code cudaStream_t} or {@code CUstream} of this GPU, not a default stream, and
   *     not one that is being captured
   * @throws RuntimeException on the CPU, or where it is not such a stream, with the reason
   */
  public Kernels newKernels(long stream) {
    return new Kernels(this, stream);
  }

  void free(long address) {
    check(bindings.memory.bufferFree(context(), MemorySegment.ofAddress(address)));
  }

  void freeHost(long address) {
    check(bindings.memory.hostFree(context(), MemorySegment.ofAddress(address)));
  }

  /** A new order of execution with the operations on it. */
  public Kernels newKernels() {
    return new Kernels(this);
  }

  /** A new event, to be recorded on streams of this backend. */
  public Event newEvent() {
    return new Event(this);
  }

  /**
   * Throws what a status says, with the library's text, unless it is 0.
   *
   * @throws OutOfDeviceMemoryException where there is not the memory that a call needs
   * @throws BackendException where the device cannot be used any more
   * @throws NativeException where a call is wrong, or fails for a reason that nobody expects
   */
  void check(int status) {
    try {
      bindings.check(status);
    } catch (NativeException e) {
      throw switch (e.status()) {
        case OutOfDeviceMemoryException.STATUS -> new OutOfDeviceMemoryException(e.getMessage());
        case BackendException.UNAVAILABLE, BackendException.DEVICE_LOST ->
            new BackendException(e.getMessage(), e);
        default -> e;
      };
    }
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
      check(bindings.devices.contextDestroy(context));
    }
  }
}
