package dev.jangle.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The functions of {@code jangle.h}, of one library. Names, order and types of the arguments are
 * the header's; a test compares every descriptor with it. Nothing is checked here: {@code
 * dev.jangle.backend} does that before it calls. Each method returns the status.
 *
 * <p>The handles are static, so that the compiler sees through them, and take the function's
 * address, so that several libraries can be bound at once. Thread-safe.
 */
public final class Bindings {
  /** {@code JG_ABI_VERSION} of the header that this class was written for. */
  public static final int VERSION = 1;

  /** Descriptor of each function, by its C name. */
  static final Map<String, FunctionDescriptor> DESCRIPTORS = new LinkedHashMap<>();

  private static final MethodHandle ABI_VERSION =
      handle("jg_abi_version", FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle LAST_ERROR =
      handle("jg_last_error", FunctionDescriptor.of(ADDRESS));
  private static final MethodHandle DEVICE_COUNT =
      handle("jg_device_count", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle DEVICE_NAME =
      handle("jg_device_name", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle DEVICE_TIER =
      handle("jg_device_tier", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle CONTEXT_CREATE =
      handle(
          "jg_context_create",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle CONTEXT_DESTROY =
      handle("jg_context_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle CONTEXT_INFO =
      handle("jg_context_info", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle MEMORY_INFO =
      handle("jg_memory_info", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle BUFFER_ALLOC =
      handle("jg_buffer_alloc", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
  private static final MethodHandle BUFFER_FREE =
      handle("jg_buffer_free", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle HOST_ALLOC =
      handle("jg_host_alloc", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS));
  private static final MethodHandle HOST_FREE =
      handle("jg_host_free", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle COPY_TO_DEVICE =
      handle(
          "jg_copy_to_device",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG));
  private static final MethodHandle COPY_TO_HOST =
      handle(
          "jg_copy_to_host", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG));
  private static final MethodHandle COPY =
      handle("jg_copy", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG));
  private static final MethodHandle STREAM_CREATE =
      handle("jg_stream_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle STREAM_DESTROY =
      handle("jg_stream_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle STREAM_SYNCHRONIZE =
      handle("jg_stream_synchronize", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle GRAPH_BEGIN =
      handle("jg_graph_begin", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle GRAPH_END =
      handle("jg_graph_end", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle GRAPH_LAUNCH =
      handle("jg_graph_launch", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle GRAPH_DESTROY =
      handle("jg_graph_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle BATCH_CREATE =
      handle(
          "jg_batch_create",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle BATCH_DESTROY =
      handle("jg_batch_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle BATCH_SET =
      handle(
          "jg_batch_set",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS,
              ADDRESS));
  private static final MethodHandle PACK_BYTES =
      handle(
          "jg_pack_bytes",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS));
  private static final MethodHandle PACK =
      handle(
          "jg_pack",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS,
              JAVA_LONG, ADDRESS));
  private static final MethodHandle EMBED =
      handle(
          "jg_embed",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS,
              JAVA_LONG));
  private static final MethodHandle MATMUL_SCRATCH_BYTES =
      handle(
          "jg_matmul_scratch_bytes",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS));
  private static final MethodHandle MATMUL =
      handle(
          "jg_matmul",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS,
              JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle RMSNORM =
      handle(
          "jg_rmsnorm",
          FunctionDescriptor.of(
              JAVA_INT,
              ADDRESS,
              JAVA_LONG,
              JAVA_LONG,
              JAVA_LONG,
              ADDRESS,
              JAVA_LONG,
              ADDRESS,
              JAVA_FLOAT,
              ADDRESS,
              JAVA_LONG));
  private static final MethodHandle ROPE =
      handle(
          "jg_rope",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS,
              JAVA_LONG));
  private static final MethodHandle KV_APPEND =
      handle(
          "jg_kv_append",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG,
              ADDRESS, JAVA_LONG, ADDRESS));
  private static final MethodHandle KV_GATHER =
      handle(
          "jg_kv_gather",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS,
              JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle ATTENTION =
      handle(
          "jg_attention",
          FunctionDescriptor.of(
              JAVA_INT,
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
              JAVA_LONG));
  private static final MethodHandle SWIGLU =
      handle(
          "jg_swiglu",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS,
              JAVA_LONG));
  private static final MethodHandle RESIDUAL =
      handle(
          "jg_residual",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG));
  private static final MethodHandle ARGMAX =
      handle(
          "jg_argmax",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS));
  private static final MethodHandle TOPK =
      handle(
          "jg_topk",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS,
              ADDRESS));
  private static final MethodHandle SAMPLE_SCRATCH_BYTES =
      handle(
          "jg_sample_scratch_bytes",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS));
  private static final MethodHandle SAMPLE =
      handle(
          "jg_sample",
          FunctionDescriptor.of(
              JAVA_INT,
              ADDRESS,
              ADDRESS,
              JAVA_LONG,
              JAVA_LONG,
              JAVA_LONG,
              ADDRESS,
              JAVA_LONG,
              JAVA_FLOAT,
              JAVA_INT,
              JAVA_FLOAT,
              JAVA_FLOAT,
              JAVA_LONG,
              ADDRESS,
              ADDRESS,
              JAVA_LONG));

  private final MemorySegment abiVersion;
  private final MemorySegment lastError;
  private final MemorySegment deviceCount;
  private final MemorySegment deviceName;
  private final MemorySegment deviceTier;
  private final MemorySegment contextCreate;
  private final MemorySegment contextDestroy;
  private final MemorySegment contextInfo;
  private final MemorySegment memoryInfo;
  private final MemorySegment bufferAlloc;
  private final MemorySegment bufferFree;
  private final MemorySegment hostAlloc;
  private final MemorySegment hostFree;
  private final MemorySegment copyToDevice;
  private final MemorySegment copyToHost;
  private final MemorySegment copy;
  private final MemorySegment streamCreate;
  private final MemorySegment streamDestroy;
  private final MemorySegment streamSynchronize;
  private final MemorySegment graphBegin;
  private final MemorySegment graphEnd;
  private final MemorySegment graphLaunch;
  private final MemorySegment graphDestroy;
  private final MemorySegment batchCreate;
  private final MemorySegment batchDestroy;
  private final MemorySegment batchSet;
  private final MemorySegment packBytes;
  private final MemorySegment pack;
  private final MemorySegment embed;
  private final MemorySegment matmulScratchBytes;
  private final MemorySegment matmul;
  private final MemorySegment rmsnorm;
  private final MemorySegment rope;
  private final MemorySegment kvAppend;
  private final MemorySegment kvGather;
  private final MemorySegment attention;
  private final MemorySegment swiglu;
  private final MemorySegment residual;
  private final MemorySegment argmax;
  private final MemorySegment topkFunction;
  private final MemorySegment sampleScratchBytes;
  private final MemorySegment sample;

  private Bindings(SymbolLookup symbols, String library) {
    abiVersion = symbol(symbols, "jg_abi_version", library);
    lastError = symbol(symbols, "jg_last_error", library);
    deviceCount = symbol(symbols, "jg_device_count", library);
    deviceName = symbol(symbols, "jg_device_name", library);
    deviceTier = symbol(symbols, "jg_device_tier", library);
    contextCreate = symbol(symbols, "jg_context_create", library);
    contextDestroy = symbol(symbols, "jg_context_destroy", library);
    contextInfo = symbol(symbols, "jg_context_info", library);
    memoryInfo = symbol(symbols, "jg_memory_info", library);
    bufferAlloc = symbol(symbols, "jg_buffer_alloc", library);
    bufferFree = symbol(symbols, "jg_buffer_free", library);
    hostAlloc = symbol(symbols, "jg_host_alloc", library);
    hostFree = symbol(symbols, "jg_host_free", library);
    copyToDevice = symbol(symbols, "jg_copy_to_device", library);
    copyToHost = symbol(symbols, "jg_copy_to_host", library);
    copy = symbol(symbols, "jg_copy", library);
    streamCreate = symbol(symbols, "jg_stream_create", library);
    streamDestroy = symbol(symbols, "jg_stream_destroy", library);
    streamSynchronize = symbol(symbols, "jg_stream_synchronize", library);
    graphBegin = symbol(symbols, "jg_graph_begin", library);
    graphEnd = symbol(symbols, "jg_graph_end", library);
    graphLaunch = symbol(symbols, "jg_graph_launch", library);
    graphDestroy = symbol(symbols, "jg_graph_destroy", library);
    batchCreate = symbol(symbols, "jg_batch_create", library);
    batchDestroy = symbol(symbols, "jg_batch_destroy", library);
    batchSet = symbol(symbols, "jg_batch_set", library);
    packBytes = symbol(symbols, "jg_pack_bytes", library);
    pack = symbol(symbols, "jg_pack", library);
    embed = symbol(symbols, "jg_embed", library);
    matmulScratchBytes = symbol(symbols, "jg_matmul_scratch_bytes", library);
    matmul = symbol(symbols, "jg_matmul", library);
    rmsnorm = symbol(symbols, "jg_rmsnorm", library);
    rope = symbol(symbols, "jg_rope", library);
    kvAppend = symbol(symbols, "jg_kv_append", library);
    kvGather = symbol(symbols, "jg_kv_gather", library);
    attention = symbol(symbols, "jg_attention", library);
    swiglu = symbol(symbols, "jg_swiglu", library);
    residual = symbol(symbols, "jg_residual", library);
    argmax = symbol(symbols, "jg_argmax", library);
    topkFunction = symbol(symbols, "jg_topk", library);
    sampleScratchBytes = symbol(symbols, "jg_sample_scratch_bytes", library);
    sample = symbol(symbols, "jg_sample", library);
  }

  /**
   * Loads the library called {@code name} ("cpu", "cuda", "cudasim").
   *
   * @throws UnsatisfiedLinkError where it is missing, cannot be loaded or is of another version
   */
  public static Bindings load(String name) {
    Path file = LibraryFile.find(name);
    Bindings bindings = new Bindings(NativeAccess.load(file), file.toString());
    int version = bindings.abiVersion();
    if (version != VERSION) {
      throw new UnsatisfiedLinkError(
          file
              + " has version "
              + version
              + " of the native interface; this Jangle needs "
              + VERSION
              + ": build both from the same sources");
    }
    return bindings;
  }

  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    DESCRIPTORS.put(name, descriptor);
    return NativeAccess.downcall(descriptor);
  }

  private static MemorySegment symbol(SymbolLookup symbols, String name, String library) {
    return symbols
        .find(name)
        .orElseThrow(
            () ->
                new UnsatisfiedLinkError(
                    library + " has no function " + name + ": build it from the same sources"));
  }

  private static AssertionError unexpected(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    return new AssertionError("a downcall throws nothing of its own", e);
  }

  /** Throws {@link NativeException} with the library's text unless the status is 0. */
  public void check(int status) {
    if (status != 0) {
      throw new NativeException(status, lastError());
    }
  }

  /** The text of this thread's last failure. */
  public String lastError() {
    return NativeAccess.string(lastErrorAddress());
  }

  /** Host memory of the library, as a segment of its size. */
  public MemorySegment view(long address, long bytes) {
    return NativeAccess.view(address, bytes);
  }

  public int abiVersion() {
    try {
      return (int) ABI_VERSION.invokeExact(abiVersion);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private MemorySegment lastErrorAddress() {
    try {
      return (MemorySegment) LAST_ERROR.invokeExact(lastError);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int deviceCount(MemorySegment count) {
    try {
      return (int) DEVICE_COUNT.invokeExact(deviceCount, count);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int deviceName(int device, MemorySegment name, long capacity) {
    try {
      return (int) DEVICE_NAME.invokeExact(deviceName, device, name, capacity);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int deviceTier(int device, MemorySegment tier) {
    try {
      return (int) DEVICE_TIER.invokeExact(deviceTier, device, tier);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int contextCreate(int device, int threads, int tier, MemorySegment context) {
    try {
      return (int) CONTEXT_CREATE.invokeExact(contextCreate, device, threads, tier, context);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int contextDestroy(MemorySegment context) {
    try {
      return (int) CONTEXT_DESTROY.invokeExact(contextDestroy, context);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int contextInfo(MemorySegment context, MemorySegment threads, MemorySegment tier) {
    try {
      return (int) CONTEXT_INFO.invokeExact(contextInfo, context, threads, tier);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int memoryInfo(MemorySegment context, MemorySegment freeBytes, MemorySegment totalBytes) {
    try {
      return (int) MEMORY_INFO.invokeExact(memoryInfo, context, freeBytes, totalBytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int bufferAlloc(MemorySegment context, long bytes, MemorySegment buffer) {
    try {
      return (int) BUFFER_ALLOC.invokeExact(bufferAlloc, context, bytes, buffer);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int bufferFree(MemorySegment context, MemorySegment buffer) {
    try {
      return (int) BUFFER_FREE.invokeExact(bufferFree, context, buffer);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int hostAlloc(MemorySegment context, long bytes, MemorySegment memory) {
    try {
      return (int) HOST_ALLOC.invokeExact(hostAlloc, context, bytes, memory);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int hostFree(MemorySegment context, MemorySegment memory) {
    try {
      return (int) HOST_FREE.invokeExact(hostFree, context, memory);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int copyToDevice(
      MemorySegment stream, MemorySegment device, MemorySegment host, long bytes) {
    try {
      return (int) COPY_TO_DEVICE.invokeExact(copyToDevice, stream, device, host, bytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int copyToHost(
      MemorySegment stream, MemorySegment host, MemorySegment device, long bytes) {
    try {
      return (int) COPY_TO_HOST.invokeExact(copyToHost, stream, host, device, bytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int copy(MemorySegment stream, MemorySegment to, MemorySegment from, long bytes) {
    try {
      return (int) COPY.invokeExact(copy, stream, to, from, bytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int streamCreate(MemorySegment context, MemorySegment stream) {
    try {
      return (int) STREAM_CREATE.invokeExact(streamCreate, context, stream);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int streamDestroy(MemorySegment stream) {
    try {
      return (int) STREAM_DESTROY.invokeExact(streamDestroy, stream);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int streamSynchronize(MemorySegment stream) {
    try {
      return (int) STREAM_SYNCHRONIZE.invokeExact(streamSynchronize, stream);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int graphBegin(MemorySegment stream) {
    try {
      return (int) GRAPH_BEGIN.invokeExact(graphBegin, stream);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int graphEnd(MemorySegment stream, MemorySegment graph) {
    try {
      return (int) GRAPH_END.invokeExact(graphEnd, stream, graph);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int graphLaunch(MemorySegment stream, MemorySegment graph) {
    try {
      return (int) GRAPH_LAUNCH.invokeExact(graphLaunch, stream, graph);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int graphDestroy(MemorySegment graph) {
    try {
      return (int) GRAPH_DESTROY.invokeExact(graphDestroy, graph);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int batchCreate(
      MemorySegment context, int maxRows, int maxSequences, int maxPages, MemorySegment batch) {
    try {
      return (int)
          BATCH_CREATE.invokeExact(batchCreate, context, maxRows, maxSequences, maxPages, batch);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int batchDestroy(MemorySegment batch) {
    try {
      return (int) BATCH_DESTROY.invokeExact(batchDestroy, batch);
    } catch (Throwable e) {
      throw unexpected(e);
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
      throw unexpected(e);
    }
  }

  public int packBytes(
      MemorySegment context, int dtype, long n, long k, MemorySegment packedBytes) {
    try {
      return (int) PACK_BYTES.invokeExact(packBytes, context, dtype, n, k, packedBytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int pack(
      MemorySegment stream,
      int dtype,
      long n,
      long k,
      long nOffset,
      long nRows,
      MemorySegment source,
      long sourceBytes,
      MemorySegment packed) {
    try {
      return (int)
          PACK.invokeExact(pack, stream, dtype, n, k, nOffset, nRows, source, sourceBytes, packed);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int embed(
      MemorySegment stream,
      MemorySegment batch,
      int dtype,
      long n,
      long k,
      MemorySegment packed,
      MemorySegment out,
      long ldout) {
    try {
      return (int) EMBED.invokeExact(embed, stream, batch, dtype, n, k, packed, out, ldout);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int matmulScratchBytes(
      MemorySegment context, int dtype, long n, long k, long rows, MemorySegment scratchBytes) {
    try {
      return (int)
          MATMUL_SCRATCH_BYTES.invokeExact(
              matmulScratchBytes, context, dtype, n, k, rows, scratchBytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int matmul(
      MemorySegment stream,
      int dtype,
      long n,
      long k,
      MemorySegment packed,
      long rows,
      MemorySegment x,
      long ldx,
      MemorySegment y,
      long ldy,
      MemorySegment bias,
      int accumulate,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          MATMUL.invokeExact(
              matmul,
              stream,
              dtype,
              n,
              k,
              packed,
              rows,
              x,
              ldx,
              y,
              ldy,
              bias,
              accumulate,
              scratch,
              scratchBytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int rmsnorm(
      MemorySegment stream,
      long rows,
      long groups,
      long n,
      MemorySegment x,
      long ldx,
      MemorySegment weight,
      float eps,
      MemorySegment y,
      long ldy) {
    try {
      return (int)
          RMSNORM.invokeExact(rmsnorm, stream, rows, groups, n, x, ldx, weight, eps, y, ldy);
    } catch (Throwable e) {
      throw unexpected(e);
    }
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
      throw unexpected(e);
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
      throw unexpected(e);
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
      throw unexpected(e);
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
      long ldout) {
    try {
      return (int)
          ATTENTION.invokeExact(
              attention, stream, batch, dtype, heads, kvHeads, headDim, scale, kvPages, q, ldq, out,
              ldout);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int swiglu(
      MemorySegment stream,
      long rows,
      long n,
      MemorySegment gate,
      MemorySegment up,
      long ldx,
      MemorySegment out,
      long ldout) {
    try {
      return (int) SWIGLU.invokeExact(swiglu, stream, rows, n, gate, up, ldx, out, ldout);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int residual(
      MemorySegment stream,
      long rows,
      long n,
      MemorySegment x,
      long ldx,
      MemorySegment y,
      long ldy) {
    try {
      return (int) RESIDUAL.invokeExact(residual, stream, rows, n, x, ldx, y, ldy);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int argmax(
      MemorySegment stream,
      long rows,
      long n,
      MemorySegment logits,
      long ldlogits,
      MemorySegment ids) {
    try {
      return (int) ARGMAX.invokeExact(argmax, stream, rows, n, logits, ldlogits, ids);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int topk(
      MemorySegment stream,
      long rows,
      long n,
      long k,
      MemorySegment logits,
      long ldlogits,
      MemorySegment ids,
      MemorySegment values) {
    try {
      return (int)
          TOPK.invokeExact(topkFunction, stream, rows, n, k, logits, ldlogits, ids, values);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int sampleScratchBytes(
      MemorySegment context, long rows, long n, MemorySegment scratchBytes) {
    try {
      return (int)
          SAMPLE_SCRATCH_BYTES.invokeExact(sampleScratchBytes, context, rows, n, scratchBytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  public int sample(
      MemorySegment stream,
      MemorySegment batch,
      long firstRow,
      long rows,
      long n,
      MemorySegment logits,
      long ldlogits,
      float temperature,
      int topK,
      float topP,
      float minP,
      long seed,
      MemorySegment ids,
      MemorySegment scratch,
      long scratchBytes) {
    try {
      return (int)
          SAMPLE.invokeExact(
              sample,
              stream,
              batch,
              firstRow,
              rows,
              n,
              logits,
              ldlogits,
              temperature,
              topK,
              topP,
              minP,
              seed,
              ids,
              scratch,
              scratchBytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }
}
