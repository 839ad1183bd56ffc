package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The functions of {@code jangle.h}, of one library; one instance per library, as many as wanted in
 * one process. A class per group: {@link #devices}, {@link #memory}, {@link #streams}, {@link
 * #events}, {@link #batches}, {@link #weights}, {@link #cache}, {@link #rows}, {@link #fused},
 * {@link #trainingProducts}, {@link #trainingRows}. Each method has the name, and the order and
 * types of the arguments, of its function, and returns its status, to be given to {@link #check}. A
 * test compares every descriptor with the header.
 *
 * <p>Nothing is checked here: {@code dev.jangle.backend} does that before it calls.
 *
 * <p>The handles are static, so that the compiler sees through them, and take the function's
 * address, which is the instance's, as their first argument. Thread-safe.
 */
public final class Bindings {
  /** {@code JG_ABI_VERSION} of the header that these classes were written for. */
  public static final int VERSION = 1;

  private static final Downcalls DOWNCALLS = new Downcalls();

  private static final MethodHandle ABI_VERSION = DOWNCALLS.of("jg_abi_version");
  private static final MethodHandle LAST_ERROR =
      DOWNCALLS.of("jg_last_error", FunctionDescriptor.of(ADDRESS));

  /** Descriptor of each function of all groups, by its C name. */
  static final Map<String, FunctionDescriptor> DESCRIPTORS =
      all(
          DOWNCALLS,
          DeviceFunctions.DOWNCALLS,
          MemoryFunctions.DOWNCALLS,
          StreamFunctions.DOWNCALLS,
          EventFunctions.DOWNCALLS,
          BatchFunctions.DOWNCALLS,
          WeightFunctions.DOWNCALLS,
          CacheFunctions.DOWNCALLS,
          RowFunctions.DOWNCALLS,
          FusedFunctions.DOWNCALLS,
          TrainingProductFunctions.DOWNCALLS,
          TrainingRowFunctions.DOWNCALLS);

  public final DeviceFunctions devices;
  public final MemoryFunctions memory;
  public final StreamFunctions streams;
  public final EventFunctions events;
  public final BatchFunctions batches;
  public final WeightFunctions weights;
  public final CacheFunctions cache;
  public final RowFunctions rows;
  public final FusedFunctions fused;
  public final TrainingProductFunctions trainingProducts;
  public final TrainingRowFunctions trainingRows;

  private final MemorySegment abiVersion;
  private final MemorySegment lastError;

  private Bindings(Library library) {
    abiVersion = library.function("jg_abi_version");
    lastError = library.function("jg_last_error");
    int version = abiVersion();
    if (version != VERSION) {
      throw new UnsatisfiedLinkError(
          library.file()
              + " has version "
              + version
              + " of the native interface; this Jangle needs "
              + VERSION
              + ": build both from the same sources");
    }
    devices = new DeviceFunctions(library);
    memory = new MemoryFunctions(library);
    streams = new StreamFunctions(library);
    events = new EventFunctions(library);
    batches = new BatchFunctions(library);
    weights = new WeightFunctions(library);
    cache = new CacheFunctions(library);
    rows = new RowFunctions(library);
    fused = new FusedFunctions(library);
    trainingProducts = new TrainingProductFunctions(library);
    trainingRows = new TrainingRowFunctions(library);
  }

  /**
   * Loads the library called {@code name} ("cpu", "cuda", "cudasim").
   *
   * @throws UnsatisfiedLinkError where it is missing, cannot be loaded, is of another version, or
   *     lacks a function
   */
  public static Bindings load(String name) {
    Path file = LibraryFile.find(name);
    return new Bindings(Library.load(file));
  }

  private static Map<String, FunctionDescriptor> all(Downcalls... groups) {
    Map<String, FunctionDescriptor> all = new LinkedHashMap<>();
    for (Downcalls group : groups) {
      all.putAll(group.descriptors());
    }
    return all;
  }

  /** Throws {@link NativeException} with the library's text unless the status is 0. */
  public void check(int status) {
    if (status != 0) {
      throw new NativeException(status, lastError());
    }
  }

  /** The text of this thread's last failure. */
  public String lastError() {
    MemorySegment text;
    try {
      text = (MemorySegment) LAST_ERROR.invokeExact(lastError);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
    return NativeAccess.string(text);
  }

  /** Host memory of the library, as a segment of its size. */
  public MemorySegment view(long address, long bytes) {
    return NativeAccess.view(address, bytes);
  }

  /** {@code JG_ABI_VERSION} of the library. */
  public int abiVersion() {
    try {
      return (int) ABI_VERSION.invokeExact(abiVersion);
    } catch (Throwable e) {
      throw Downcalls.unexpected(e);
    }
  }
}
