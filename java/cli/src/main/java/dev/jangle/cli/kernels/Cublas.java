package dev.jangle.cli.kernels;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.format.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Locale;

/**
 * NVIDIA's matrix products, as far as the comparison needs them, on the stream of a {@link
 * Kernels}. It is whichever of {@code libcublas.so.12} and {@code libcublas.so.13} the system's
 * loader finds, or the file that the system property {@code jangle.library.cublas} names. One
 * thread at a time.
 *
 * <p>Constants are those of {@code cublas_api.h} and {@code library_types.h}.
 */
final class Cublas implements AutoCloseable {
  static final String PROPERTY = "jangle.library.cublas";

  private static final String[] NAMES = {"libcublas.so.12", "libcublas.so.13"};
  private static final int OP_N = 0;
  private static final int OP_T = 1;
  private static final int COMPUTE_32F = 68;
  private static final int GEMM_DEFAULT = -1;

  /** What cuBLAS itself takes on an H100; given beforehand, it need not allocate in a recording. */
  private static final long WORKSPACE_BYTES = 32L << 20;

  private final Arena arena = Arena.ofAuto();
  private final MemorySegment handle;
  private final MemorySegment one;
  private final MemorySegment zero;
  private final MethodHandle destroy;
  private final MethodHandle gemm;
  private final SymbolLookup library;
  private final int version;

  /** There is no cuBLAS to compare with; the message says why. */
  static final class Missing extends Exception {
    private static final long serialVersionUID = 1L;

    Missing(String message) {
      super(message);
    }
  }

  private Cublas(SymbolLookup library, Kernels kernels, DeviceBuffer workspace) throws Missing {
    this.library = library;
    MethodHandle create = function("cublasCreate_v2", ADDRESS);
    MethodHandle setStream = function("cublasSetStream_v2", ADDRESS, ADDRESS);
    MethodHandle setWorkspace = function("cublasSetWorkspace_v2", ADDRESS, ADDRESS, JAVA_LONG);
    MethodHandle getVersion = function("cublasGetVersion_v2", ADDRESS, ADDRESS);
    destroy = function("cublasDestroy_v2", ADDRESS);
    gemm =
        function(
            "cublasGemmEx",
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            ADDRESS,
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            ADDRESS,
            ADDRESS,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT);
    one = arena.allocateFrom(JAVA_FLOAT, 1f);
    zero = arena.allocateFrom(JAVA_FLOAT, 0f);
    MemorySegment out = arena.allocate(ADDRESS);
    try {
      require("cublasCreate", (int) create.invokeExact(out));
      handle = out.get(ADDRESS, 0);
      MemorySegment number = arena.allocate(JAVA_INT);
      require("cublasGetVersion", (int) getVersion.invokeExact(handle, number));
      version = number.get(JAVA_INT, 0);
      require(
          "cublasSetStream",
          (int) setStream.invokeExact(handle, MemorySegment.ofAddress(kernels.streamHandle())));
      MemorySegment room = MemorySegment.ofAddress(workspace.address());
      require(
          "cublasSetWorkspace", (int) setWorkspace.invokeExact(handle, room, workspace.bytes()));
    } catch (IllegalStateException e) {
      throw new Missing(e.getMessage());
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /**
   * Loads and starts it.
   *
   * @param memory of a GPU; its buffers are what the products are made of
   * @throws Missing with the reason
   */
  static Cublas open(DeviceMemory memory) throws Missing {
    SymbolLookup library = find();
    return new Cublas(library, memory.kernels, memory.empty(WORKSPACE_BYTES));
  }

  private static SymbolLookup find() throws Missing {
    String given = System.getProperty(PROPERTY);
    if (given != null) {
      try {
        return Foreign.library(Path.of(given));
      } catch (IllegalArgumentException e) {
        throw new Missing(
            "%s cannot be loaded; it is what the system property %s names"
                .formatted(given, PROPERTY));
      }
    }
    for (String name : NAMES) {
      try {
        return Foreign.library(name);
      } catch (IllegalArgumentException e) {
        // The next may be there.
      }
    }
    throw new Missing(
        "neither %s can be loaded; install one where LD_LIBRARY_PATH leads, or name its file with"
                .formatted(String.join(" nor ", NAMES))
            + " JAVA_TOOL_OPTIONS=-D"
            + PROPERTY
            + "=FILE");
  }

  private MethodHandle function(String name, MemoryLayout... arguments) throws Missing {
    MemorySegment address =
        library.find(name).orElseThrow(() -> new Missing("it has no function " + name));
    return Foreign.downcall(address, FunctionDescriptor.of(JAVA_INT, arguments));
  }

  /** Whether it has a product of weights of this format. */
  static boolean has(DType format) {
    return !format.quantized();
  }

  /** Such as 12.8.4. */
  String version() {
    return String.format(
        Locale.ROOT, "%d.%d.%d", version / 10000, version / 100 % 100, version % 100);
  }

  /**
   * {@code y = x w^T}: row-major {@code x[rows][k]} and {@code w[n][k]} of one format, at the start
   * of {@code x} and from {@code offset} bytes on of {@code w}; {@code y[rows][n]} in F32, which is
   * also the precision of the sums.
   */
  void product(
      DType format,
      int rows,
      long n,
      long k,
      DeviceBuffer x,
      DeviceBuffer w,
      long offset,
      DeviceBuffer y) {
    int type =
        switch (format) {
          case F32 -> 0;
          case F16 -> 2;
          case BF16 -> 14;
          default -> throw new IllegalArgumentException("cuBLAS has no format " + format);
        };
    // To cuBLAS, which counts down the columns, rows of ours are columns: it makes y^T = w x^T.
    int outputs = Math.toIntExact(n);
    int inputs = Math.toIntExact(k);
    MemorySegment weight = MemorySegment.ofAddress(w.address() + offset);
    MemorySegment activations = MemorySegment.ofAddress(x.address());
    MemorySegment result = MemorySegment.ofAddress(y.address());
    try {
      require(
          "cublasGemmEx",
          (int)
              gemm.invokeExact(
                  handle,
                  OP_T,
                  OP_N,
                  outputs,
                  rows,
                  inputs,
                  one,
                  weight,
                  type,
                  inputs,
                  activations,
                  type,
                  inputs,
                  zero,
                  result,
                  0,
                  outputs,
                  COMPUTE_32F,
                  GEMM_DEFAULT));
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static void require(String call, int status) {
    if (status != 0) {
      throw new IllegalStateException(call + " failed with status " + status);
    }
  }

  private static RuntimeException unexpected(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    return e instanceof RuntimeException exception
        ? exception
        : new IllegalStateException("a downcall throws nothing of its own", e);
  }

  @Override
  public void close() {
    try {
      require("cublasDestroy", (int) destroy.invokeExact(handle));
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }
}
