package dev.jangle.backend;

import static dev.jangle.backend.Shapes.requireShape;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.jangle.ffi.Bindings;
import dev.jangle.format.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashSet;

/**
 * The operations of {@code jangle.h} on one stream, each under the header's name. Shapes, bounds
 * and formats are checked here; the tokens and positions of a batch by the library, and here where
 * a graph is launched, which the library does not see. So a wrong call is an exception and never
 * touches foreign memory. One thread at a time.
 */
public final class Kernels implements AutoCloseable {
  private final Backend backend;
  private final Bindings bindings;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment stream;
  private final MemorySegment longOut;
  private final FusedKernels fused;
  private Graph.Recorded recording; // what a launch of the calls so far must check, or null
  private boolean closed;

  Kernels(Backend backend) {
    this.backend = backend;
    this.bindings = backend.bindings;
    MemorySegment out = arena.allocate(ADDRESS);
    backend.check(bindings.streams.streamCreate(backend.context(), out));
    stream = out.get(ADDRESS, 0);
    longOut = arena.allocate(JAVA_LONG);
    fused = new FusedKernels(backend, this);
  }

  /** On a stream of another library. */
  Kernels(Backend backend, long handle) {
    this.backend = backend;
    this.bindings = backend.bindings;
    MemorySegment out = arena.allocate(ADDRESS);
    backend.check(
        bindings.streams.streamWrap(backend.context(), MemorySegment.ofAddress(handle), out));
    stream = out.get(ADDRESS, 0);
    longOut = arena.allocate(JAVA_LONG);
    fused = new FusedKernels(backend, this);
  }

  /**
   * A batch of at most {@code maxRows} rows of one sequence over at most {@code maxPages} pages.
   */
  public Batch newBatch(int maxRows, int maxPages) {
    return newBatch(maxRows, 1, maxPages);
  }

  /**
   * A batch of at most {@code maxRows} rows of at most {@code maxSequences} sequences, each over at
   * most {@code maxPages} pages.
   */
  public Batch newBatch(int maxRows, int maxSequences, int maxPages) {
    return new Batch(backend, this, maxRows, maxSequences, maxPages);
  }

  /** The fused operations, on this stream. */
  public FusedKernels fused() {
    return fused;
  }

  /**
   * The products of training, on this stream.
   *
   * @param products how {@link TrainingProducts#gemm} reads its factors, which are float32 in
   *     memory: as they are ({@link DType#F32}), or rounded to {@link DType#BF16}. A backend that
   *     cannot do so refuses each product; the CPU has F32 alone.
   */
  public TrainingProducts trainingProducts(DType products) {
    return new TrainingProducts(backend, this, products);
  }

  /** The other operations of training, on this stream. */
  public TrainingRows trainingRows() {
    return new TrainingRows(backend, this);
  }

  /** Bytes of a weight in the kernels' layout. */
  public long packBytes(DType dtype, long n, long k) {
    backend.check(bindings.weights.packBytes(backend.context(), dtype.code(), n, k, longOut));
    return longOut.get(JAVA_LONG, 0);
  }

  /** An empty weight of n outputs and k inputs, to be filled by {@link #pack}. */
  public PackedWeight newWeight(DType dtype, long n, long k) {
    return new PackedWeight(dtype, n, k, backend.allocate(packBytes(dtype, n, k)));
  }

  /**
   * Packs rows {@code [offset, offset + rows)} of the weight.
   *
   * @param source the rows in the file's layout, in native memory
   */
  public void pack(PackedWeight weight, long offset, long rows, MemorySegment source) {
    backend.check(
        bindings.weights.pack(
            stream(),
            weight.dtype().code(),
            weight.n(),
            weight.k(),
            offset,
            rows,
            requireNative(source),
            source.byteSize(),
            weight.address(this)));
  }

  /** Makes a weight the copy of a packed one of the same format and shape. */
  public void copy(PackedWeight from, PackedWeight to) {
    if (to.dtype() != from.dtype()) {
      throw new IllegalArgumentException(
          "copy: found format " + to.dtype() + ", expected " + from.dtype());
    }
    requireShape("copy: outputs", to.n(), from.n());
    requireShape("copy: inputs", to.k(), from.k());
    backend.check(
        bindings.memory.copy(stream(), to.address(this), from.address(this), from.bytes()));
  }

  /** {@code out[i] = weight[token of row i]}. */
  public void embed(Batch batch, PackedWeight weight, Matrix out) {
    requireRows(batch, out);
    atLaunch(() -> batch.requireTokens(weight.n()));
    requireShape("embed", out.cols(), weight.k());
    backend.check(
        bindings.weights.embed(
            stream(),
            batch.handle(this),
            weight.dtype().code(),
            weight.n(),
            weight.k(),
            weight.address(this),
            out.address(this),
            out.ld()));
  }

  /** Bytes of scratch that {@link #matmul} needs for up to {@code rows} rows. */
  public long matmulScratchBytes(DType dtype, long n, long k, long rows) {
    backend.check(
        bindings.weights.matmulScratchBytes(backend.context(), dtype.code(), n, k, rows, longOut));
    return longOut.get(JAVA_LONG, 0);
  }

  /**
   * {@code y = x w^T (+ bias) (+ y)}.
   *
   * @param bias n elements, or null
   * @param accumulate whether to add to y
   * @param scratch of {@link #matmulScratchBytes}, or null where that is 0
   */
  public void matmul(
      PackedWeight weight,
      Matrix x,
      Matrix y,
      DeviceBuffer bias,
      boolean accumulate,
      DeviceBuffer scratch) {
    requireShape("matmul: inputs", x.cols(), weight.k());
    requireShape("matmul: outputs", y.cols(), weight.n());
    requireShape("matmul: rows", y.rows(), x.rows());
    backend.check(
        bindings.weights.matmul(
            stream(),
            weight.dtype().code(),
            weight.n(),
            weight.k(),
            weight.address(this),
            x.rows(),
            x.address(this),
            x.ld(),
            y.address(this),
            y.ld(),
            bias == null ? MemorySegment.NULL : bias.range(this, 0, weight.n() * Float.BYTES),
            accumulate ? 1 : 0,
            Shapes.address(this, scratch),
            Shapes.bytes(scratch)));
  }

  /**
   * Normalises each of {@code groups} runs of a row on its own; x and y may be the same.
   *
   * @param weight cols / groups elements
   */
  public void rmsnorm(Matrix x, long groups, DeviceBuffer weight, float eps, Matrix y) {
    rmsnorm(x, groups, weight, 0, eps, y);
  }

  /**
   * The same with a weight that is part of a buffer.
   *
   * @param weight one row of cols / groups elements
   */
  public void rmsnorm(Matrix x, long groups, Matrix weight, float eps, Matrix y) {
    requireShape("rmsnorm: rows of the weight", weight.rows(), 1);
    requireShape("rmsnorm: groups of the weight", weight.cols() * groups, x.cols());
    rmsnorm(x, groups, weight.buffer(), weight.offset() * Float.BYTES, eps, y);
  }

  private void rmsnorm(
      Matrix x, long groups, DeviceBuffer weight, long offset, float eps, Matrix y) {
    requireShape("rmsnorm: columns", y.cols(), x.cols());
    requireShape("rmsnorm: rows", y.rows(), x.rows());
    if (groups < 1) {
      throw new IllegalArgumentException("rmsnorm: " + groups + " groups");
    }
    long n = x.cols() / groups;
    requireShape("rmsnorm: groups", n * groups, x.cols());
    backend.check(
        bindings.rows.rmsnorm(
            stream(),
            x.rows(),
            groups,
            n,
            x.address(this),
            x.ld(),
            weight.range(this, offset, n * Float.BYTES),
            eps,
            y.address(this),
            y.ld()));
  }

  /**
   * Rotates the heads of x in place, by each row's position.
   *
   * @param table rows are positions; columns the cosines, then the sines, of head_dim / 2 angles
   */
  public void rope(Batch batch, long headDim, Matrix table, Matrix x) {
    requireRows(batch, x);
    requireShape("rope: table", table.cols(), headDim);
    requireShape("rope: table", table.ld(), headDim);
    requireShape("rope: columns of whole heads", x.cols() / headDim * headDim, x.cols());
    atLaunch(() -> batch.requirePositions(table.rows()));
    backend.check(
        bindings.cache.rope(
            stream(),
            batch.handle(this),
            x.cols() / headDim,
            headDim,
            table.address(this),
            table.rows(),
            x.address(this),
            x.ld()));
  }

  /** Writes the rows' keys and values to their slots of one layer of the cache. */
  public void kvAppend(Batch batch, KvLayer layer, Matrix k, Matrix v) {
    requireRows(batch, k);
    requireRows(batch, v);
    requirePages(batch, layer);
    requireShape("kvAppend: keys", k.cols(), (long) layer.kvHeads() * layer.headDim());
    requireShape("kvAppend: values", v.cols(), k.cols());
    backend.check(
        bindings.cache.kvAppend(
            stream(),
            batch.handle(this),
            layer.dtype().code(),
            layer.kvHeads(),
            layer.headDim(),
            k.address(this),
            k.ld(),
            v.address(this),
            v.ld(),
            layer.address(this)));
  }

  /**
   * Moves keys and values from slot to slot in all layers.
   *
   * @param layer the first of {@code layers} layers that lie {@code layerBytes} apart
   * @param pages the sequence's page table
   * @param from slots, ascending
   * @param to slots, ascending, {@code to[i] <= from[i]}
   */
  public void kvGather(
      KvLayer layer, int layers, long layerBytes, int[] pages, int count, int[] from, int[] to) {
    if (count > from.length || count > to.length) {
      throw new IllegalArgumentException(
          "kvGather: %d slots, from %d to %d".formatted(count, from.length, to.length));
    }
    for (int page : pages) {
      if (page < 0 || page >= layer.pages()) {
        throw new IllegalArgumentException(
            "page table: page %d of a cache of %d pages".formatted(page, layer.pages()));
      }
    }
    requireLayers(layer, layers, layerBytes);
    try (Arena step = Arena.ofConfined()) {
      MemorySegment table = step.allocateFrom(JAVA_INT, pages);
      backend.check(
          bindings.cache.kvGather(
              stream(),
              layer.dtype().code(),
              layer.kvHeads(),
              layer.headDim(),
              layers,
              layerBytes,
              table,
              pages.length,
              count,
              step.allocateFrom(JAVA_INT, from),
              step.allocateFrom(JAVA_INT, to),
              layer.address(this)));
    }
  }

  /**
   * Walks the batch's tree from row 0 to the child whose token is the row's id while there is one,
   * and moves the keys and values of the rows walked to the slots behind the committed ones, in all
   * layers; see {@code jg_accept}.
   *
   * @param ids what the model has chosen after row i: integer {@code first + i * stride}
   * @param layer the first of {@code layers} layers that lie {@code layerBytes} apart
   */
  public void accept(
      Batch batch,
      DeviceBuffer ids,
      long first,
      long stride,
      KvLayer layer,
      int layers,
      long layerBytes) {
    requirePages(batch, layer);
    requireLayers(layer, layers, layerBytes);
    long rows = batch.rows();
    int sequences = batch.sequences();
    atLaunch(() -> requireShape("accept: rows of the batch", batch.rows(), rows));
    atLaunch(() -> requireShape("accept: sequences of the batch", batch.sequences(), sequences));
    atLaunch(batch::requireTrees);
    backend.check(
        bindings.cache.accept(
            stream(),
            batch.handle(this),
            ids.range(this, first * Integer.BYTES, ((rows - 1) * stride + 1) * Integer.BYTES),
            stride,
            layer.dtype().code(),
            layer.kvHeads(),
            layer.headDim(),
            layers,
            layerBytes,
            layer.address(this)));
  }

  /** Bytes of scratch that {@link #attention} needs for rows of a batch made for so many pages. */
  public long attentionScratchBytes(int heads, int headDim, int rows, int maxPages) {
    backend.check(
        bindings.cache.attentionScratchBytes(
            backend.context(), heads, headDim, rows, maxPages, longOut));
    return longOut.get(JAVA_LONG, 0);
  }

  /**
   * Attention of every query head over the row's ancestors and the committed positions.
   *
   * @param scratch of {@link #attentionScratchBytes}, or null where that is 0
   */
  public void attention(
      Batch batch,
      KvLayer layer,
      int heads,
      float scale,
      Matrix q,
      Matrix out,
      DeviceBuffer scratch) {
    requireRows(batch, q);
    requireRows(batch, out);
    requirePages(batch, layer);
    requireShape("attention: queries", q.cols(), (long) heads * layer.headDim());
    requireShape("attention: outputs", out.cols(), q.cols());
    backend.check(
        bindings.cache.attention(
            stream(),
            batch.handle(this),
            layer.dtype().code(),
            heads,
            layer.kvHeads(),
            layer.headDim(),
            scale,
            layer.address(this),
            q.address(this),
            q.ld(),
            out.address(this),
            out.ld(),
            Shapes.address(this, scratch),
            Shapes.bytes(scratch)));
  }

  /** {@code out = silu(gate) * up}. */
  public void swiglu(Matrix gate, Matrix up, Matrix out) {
    requireShape("swiglu: rows", out.rows(), gate.rows());
    requireShape("swiglu: columns", out.cols(), gate.cols());
    requireShape("swiglu: rows", up.rows(), gate.rows());
    requireShape("swiglu: columns", up.cols(), gate.cols());
    requireShape("swiglu: row distance", up.ld(), gate.ld());
    backend.check(
        bindings.rows.swiglu(
            stream(),
            gate.rows(),
            gate.cols(),
            gate.address(this),
            up.address(this),
            gate.ld(),
            out.address(this),
            out.ld()));
  }

  /** {@code y += x}. */
  public void residual(Matrix x, Matrix y) {
    requireShape("residual: rows", y.rows(), x.rows());
    requireShape("residual: columns", y.cols(), x.cols());
    backend.check(
        bindings.rows.residual(
            stream(), x.rows(), x.cols(), x.address(this), x.ld(), y.address(this), y.ld()));
  }

  /** {@code ids[i]} = lowest index of the largest logit of row i, -1 where the row has a NaN. */
  public void argmax(Matrix logits, DeviceBuffer ids) {
    backend.check(
        bindings.rows.argmax(
            stream(),
            logits.rows(),
            logits.cols(),
            logits.address(this),
            logits.ld(),
            ids.range(this, 0, logits.rows() * Integer.BYTES)));
  }

  /** The k largest of each row, largest first; all ids -1 where the row has a NaN. */
  public void topk(Matrix logits, int k, DeviceBuffer ids, DeviceBuffer values) {
    topk(logits, k, ids, 0, values, 0);
  }

  /** The same, with ids from integer {@code firstId} on and values from {@code firstValue} on. */
  public void topk(
      Matrix logits, int k, DeviceBuffer ids, long firstId, DeviceBuffer values, long firstValue) {
    backend.check(
        bindings.rows.topk(
            stream(),
            logits.rows(),
            logits.cols(),
            k,
            logits.address(this),
            logits.ld(),
            ids.range(this, firstId * Integer.BYTES, logits.rows() * k * Integer.BYTES),
            values.range(this, firstValue * Float.BYTES, logits.rows() * k * Float.BYTES)));
  }

  /** Bytes of scratch that {@link #sample} needs. */
  public long sampleScratchBytes(long rows, long n) {
    backend.check(bindings.rows.sampleScratchBytes(backend.context(), rows, n, longOut));
    return longOut.get(JAVA_LONG, 0);
  }

  /**
   * A seeded draw for each of the batch's rows from {@code firstRow} on, as {@link Batch#sampling}
   * says; see {@code jg_sample}.
   */
  public void sample(
      Batch batch, int firstRow, Matrix logits, DeviceBuffer ids, DeviceBuffer scratch) {
    long rows = batch.rows();
    atLaunch(() -> requireShape("sample: rows of the batch", batch.rows(), rows));
    atLaunch(batch::requireSampling);
    backend.check(
        bindings.rows.sample(
            stream(),
            batch.handle(this),
            firstRow,
            logits.rows(),
            logits.cols(),
            logits.address(this),
            logits.ld(),
            ids.range(this, 0, logits.rows() * Integer.BYTES),
            Shapes.address(this, scratch),
            Shapes.bytes(scratch)));
  }

  /** Copies native host memory to the start of a buffer. */
  public void upload(MemorySegment host, DeviceBuffer to) {
    upload(host, to, 0);
  }

  /** Copies native host memory to a buffer, from a byte of the buffer on. */
  public void upload(MemorySegment host, DeviceBuffer to, long offset) {
    backend.check(
        bindings.memory.copyToDevice(
            stream(),
            to.range(this, offset, host.byteSize()),
            requireNative(host),
            host.byteSize()));
  }

  /** Uploads float32 values into a new buffer. */
  public DeviceBuffer upload(float[] values) {
    DeviceBuffer buffer = backend.allocate((long) values.length * Float.BYTES);
    boolean whole = false;
    try (Arena step = Arena.ofConfined()) {
      upload(step.allocateFrom(JAVA_FLOAT, values), buffer);
      synchronize();
      whole = true;
      return buffer;
    } finally {
      if (!whole) {
        buffer.close();
      }
    }
  }

  /** Copies the start of a buffer to native host memory, and waits for it. */
  public void download(DeviceBuffer from, MemorySegment host) {
    download(from, 0, host);
  }

  /** Copies a buffer, from a byte of it on, to native host memory, and waits for it. */
  public void download(DeviceBuffer from, long offset, MemorySegment host) {
    if (host.isReadOnly()) {
      throw new IllegalArgumentException("host memory must be writable");
    }
    backend.check(
        bindings.memory.copyToHost(
            stream(),
            requireNative(host),
            from.range(this, offset, host.byteSize()),
            host.byteSize()));
    synchronize();
  }

  /**
   * Copies the start of a buffer to the start of host memory in stream order, without waiting: it
   * is there after {@link #synchronize}. Can be recorded.
   */
  public void download(DeviceBuffer from, HostBuffer to, long bytes) {
    backend.check(
        bindings.memory.copyToHost(
            stream(), to.memory(this).asSlice(0, bytes), from.range(this, 0, bytes), bytes));
  }

  /** The rows of a matrix, on the host. Waits. */
  public float[][] download(Matrix matrix) {
    float[][] rows = new float[(int) matrix.rows()][];
    try (Arena step = Arena.ofConfined()) {
      MemorySegment host = step.allocate(JAVA_FLOAT, matrix.cols());
      for (int i = 0; i < rows.length; i++) {
        backend.check(
            bindings.memory.copyToHost(
                stream(),
                requireNative(host),
                matrix.rowsFrom(i, 1).address(this),
                host.byteSize()));
        synchronize();
        rows[i] = host.toArray(JAVA_FLOAT);
      }
    }
    return rows;
  }

  /** Copies within the device. */
  public void copy(DeviceBuffer buffer, long from, long to, long bytes) {
    backend.check(
        bindings.memory.copy(
            stream(), buffer.range(this, to, bytes), buffer.range(this, from, bytes), bytes));
  }

  /**
   * Records the operations that {@code calls} makes on this stream instead of running them. What
   * changes between launches lies in device memory and in batches; {@link Batch#set} is never
   * recorded.
   */
  public Graph capture(Runnable calls) {
    backend.check(bindings.streams.graphBegin(stream()));
    Graph.Recorded recorded = new Graph.Recorded(new LinkedHashSet<>(), new ArrayList<>());
    recording = recorded;
    boolean whole = false;
    try (Arena step = Arena.ofConfined()) {
      MemorySegment out = step.allocate(ADDRESS);
      try {
        calls.run();
        whole = true;
      } finally {
        recording = null;
        int status = bindings.streams.graphEnd(stream(), out);
        if (whole) {
          backend.check(status);
        } else if (status == 0) {
          backend.check(bindings.streams.graphDestroy(out.get(ADDRESS, 0)));
        }
      }
      return new Graph(backend, out.get(ADDRESS, 0), recorded);
    }
  }

  /**
   * Runs what was recorded.
   *
   * @throws RuntimeException where a batch has other rows than one that was recorded may have, or
   *     is of other kernels, or where memory that the calls use is closed
   */
  public void launch(Graph graph) {
    backend.check(bindings.streams.graphLaunch(stream(), graph.handle(this)));
  }

  /** The event happens when all calls so far are done. */
  public void record(Event event) {
    backend.check(bindings.events.eventRecord(stream(), event.handle(backend)));
  }

  /**
   * The stream as its runtime knows it, for other libraries that take one: a {@code cudaStream_t},
   * valid until {@link #close}; 0 on the CPU.
   */
  public long streamHandle() {
    backend.check(bindings.streams.streamHandle(stream(), longOut));
    return longOut.get(JAVA_LONG, 0);
  }

  /** Waits until all calls so far are done. */
  public void synchronize() {
    backend.check(bindings.streams.streamSynchronize(stream()));
  }

  MemorySegment stream() {
    if (closed) {
      throw new IllegalStateException("the stream is closed");
    }
    backend.context(); // refuses a backend that is closed
    return stream;
  }

  private MemorySegment requireNative(MemorySegment host) {
    // A launch would copy it again, when it may be gone.
    if (recording != null) {
      throw new IllegalStateException(
          "only memory of Backend.allocateHost can be copied while calls are recorded");
    }
    if (!host.isNative()) {
      throw new IllegalArgumentException("host memory must be native memory");
    }
    if (!host.scope().isAlive()) {
      throw new IllegalStateException("the host memory is closed");
    }
    if (!host.isAccessibleBy(Thread.currentThread())) {
      throw new WrongThreadException("the host memory is confined to another thread");
    }
    return host;
  }

  /** Refuses layers that do not all lie in the buffer. */
  private void requireLayers(KvLayer first, int layers, long layerBytes) {
    long last = Math.addExact(first.offset(), Math.multiplyExact(layers - 1L, layerBytes));
    new KvLayer(
            first.buffer(), last, first.dtype(), first.pages(), first.kvHeads(), first.headDim())
        .address(this);
  }

  /** Makes a check at each launch of what is being recorded. */
  void atLaunch(Runnable check) {
    if (recording != null) {
      recording.checks().add(check);
    }
  }

  /** Refuses what a call may not work on, now and at each launch. */
  void use(Operand operand) {
    operand.requireUsable(this);
    if (recording != null) {
      recording.operands().add(operand);
    }
  }

  /** The backend whose memory, graphs and events these kernels take. */
  Backend backend() {
    return backend;
  }

  /** Refuses a matrix that has not the batch's rows, now and at each launch. */
  void requireRows(Batch batch, Matrix matrix) {
    batch.requireRows(matrix);
    atLaunch(() -> batch.requireRows(matrix));
  }

  /** Refuses a layer that has not all pages of the batch, now and at each launch. */
  void requirePages(Batch batch, KvLayer layer) {
    batch.requirePages(layer);
    atLaunch(() -> batch.requirePages(layer));
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      backend.check(bindings.streams.streamDestroy(stream));
      arena.close();
    }
  }
}
