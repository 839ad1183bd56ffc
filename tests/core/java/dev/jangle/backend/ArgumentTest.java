package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.jangle.ffi.NativeException;
import dev.jangle.format.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A wrong argument is an exception that names it, and never reaches foreign memory. */
class ArgumentTest {
  private static final Class<IllegalArgumentException> SHAPE = IllegalArgumentException.class;
  private static final Class<IndexOutOfBoundsException> BOUNDS = IndexOutOfBoundsException.class;
  private static final Class<NativeException> NATIVE = NativeException.class;

  private final Device device = new Device(Machine.best(1));
  private final Kernels kernels = device.kernels;

  /** Two rows at positions 70 and 71, in pages 3 and 1. */
  private final Batch batch = device.batch(new int[] {1, 5}, Tree.chain(2, 70), new int[] {3, 1});

  @AfterEach
  void close() {
    device.close();
  }

  private void setBatch() {
    batch.set(new int[] {1, 5}, new int[] {-1, 0}, 0, 2, 70, new int[] {3, 1});
  }

  private PackedWeight weight(DType dtype, int n, int k) {
    return device.weight(dtype, n, k, TestData.encode(dtype, new float[n][k]));
  }

  @Test
  void pack() {
    PackedWeight weight = weight(DType.Q4_0, 8, 64);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(DType.Q4_0.bytes(8 * 64));
      Refusal.of(NATIVE, () -> kernels.pack(weight, 1, 8, rows), "rows 1 + 8 of 8");
      Refusal.of(NATIVE, () -> kernels.pack(weight, -1, 8, rows), "rows -1");
      Refusal.of(NATIVE, () -> kernels.pack(weight, 0, 0, rows), "+ 0");
      Refusal.of(NATIVE, () -> kernels.pack(weight, Long.MAX_VALUE, 8, rows), "of 8");
      Refusal.of(NATIVE, () -> kernels.pack(weight, 0, 7, rows), "288 bytes", "252");
      MemorySegment heap = MemorySegment.ofArray(new byte[288]);
      Refusal.of(SHAPE, () -> kernels.pack(weight, 0, 8, heap), "native memory");
    }
  }

  @Test
  void copyOfAWeight() {
    PackedWeight weight = weight(DType.Q8_0, 8, 64);
    kernels.copy(weight, weight(DType.Q8_0, 8, 64));
    Refusal.of(SHAPE, () -> kernels.copy(weight, weight(DType.Q4_0, 8, 64)), "Q4_0", "Q8_0");
    Refusal.of(SHAPE, () -> kernels.copy(weight, weight(DType.Q8_0, 7, 64)), "found 7, expected 8");
    Refusal.of(SHAPE, () -> kernels.copy(weight, weight(DType.Q8_0, 8, 32)), "inputs");
  }

  @Test
  void embed() {
    PackedWeight small = weight(DType.F16, 5, 10);
    Matrix out = device.output(2, 10);
    Refusal.of(NATIVE, () -> kernels.embed(batch, small, out), "row 1", "token 5", "of 5");
    PackedWeight weight = weight(DType.F16, 6, 10);
    Refusal.of(SHAPE, () -> kernels.embed(batch, weight, out.columns(0, 9)), "embed", "9", "10");
    Refusal.of(SHAPE, () -> kernels.embed(batch, weight, out.top(1)), "rows of the batch");
  }

  @Test
  void matmul() {
    PackedWeight weight = weight(DType.Q8_0, 8, 64);
    Matrix x = device.output(3, 64);
    Matrix y = device.output(3, 8);
    DeviceBuffer scratch = device.scratch(weight, 3);
    DeviceBuffer bias = device.vector(new float[7]);
    Refusal.of(
        SHAPE,
        () -> kernels.matmul(weight, x.columns(0, 32), y, null, false, scratch),
        "inputs",
        "found 32, expected 64");
    Refusal.of(
        SHAPE, () -> kernels.matmul(weight, x, y.columns(0, 7), null, false, scratch), "outputs");
    Refusal.of(
        SHAPE, () -> kernels.matmul(weight, x, y.top(2), null, false, scratch), "matmul: rows");
    Refusal.of(BOUNDS, () -> kernels.matmul(weight, x, y, bias, false, scratch), "32", "28");
    Refusal.of(NATIVE, () -> kernels.matmul(weight, x, y, null, false, null), "scratch");
    DeviceBuffer small = device.ones(scratch.bytes() - 1);
    Refusal.of(
        NATIVE,
        () -> kernels.matmul(weight, x, y, null, false, small),
        "scratch",
        Long.toString(scratch.bytes()));
    Refusal.of(NATIVE, () -> kernels.matmulScratchBytes(DType.F32, 8, 8, 0), "0 rows");
  }

  @Test
  void rmsnorm() {
    Matrix x = device.output(3, 12);
    DeviceBuffer weight = device.vector(new float[4]);
    Refusal.of(SHAPE, () -> kernels.rmsnorm(x, 5, weight, 1, x), "groups");
    Refusal.of(SHAPE, () -> kernels.rmsnorm(x, 0, weight, 1, x), "0 groups");
    Refusal.of(SHAPE, () -> kernels.rmsnorm(x, -3, weight, 1, x), "-3 groups");
    Refusal.of(SHAPE, () -> kernels.rmsnorm(x, 13, weight, 1, x), "groups");
    Refusal.of(BOUNDS, () -> kernels.rmsnorm(x, 2, weight, 1, x), "24", "16");
    Refusal.of(SHAPE, () -> kernels.rmsnorm(x, 3, weight, 1, x.top(2)), "rmsnorm: rows");
    Refusal.of(SHAPE, () -> kernels.rmsnorm(x, 3, weight, 1, x.columns(0, 8)), "rmsnorm: columns");
  }

  @Test
  void rope() {
    Matrix x = device.output(2, 16);
    DeviceBuffer angles = device.vector(new float[72 * 8]);
    Refusal.of(
        NATIVE,
        () -> kernels.rope(batch, 8, Matrix.of(angles, 71, 8), x),
        "row 1",
        "position 71",
        "table has 71");
    Matrix table = Matrix.of(angles, 72, 8);
    Refusal.of(SHAPE, () -> kernels.rope(batch, 4, table, x), "rope: table");
    Refusal.of(SHAPE, () -> kernels.rope(batch, 0, table, x), "rope: table");
    Refusal.of(SHAPE, () -> kernels.rope(batch, 4, table.columns(0, 4), x), "rope: table");
    Refusal.of(SHAPE, () -> kernels.rope(batch, 8, table, x.columns(0, 12)), "whole heads");
    Refusal.of(SHAPE, () -> kernels.rope(batch, 8, table, x.columns(0, 4)), "whole heads");
    Refusal.of(SHAPE, () -> kernels.rope(batch, 8, table, x.top(1)), "rows of the batch");
    Matrix odd = Matrix.of(angles, 80, 7);
    Refusal.of(NATIVE, () -> kernels.rope(batch, 7, odd, x.columns(0, 14)), "heads of 7");
  }

  @Test
  void kvAppend() {
    KvLayer layer = device.layer(DType.F16, 4, 2, 8);
    Matrix x = device.output(2, 16);
    kernels.kvAppend(batch, layer, x, x);
    Refusal.of(SHAPE, () -> kernels.kvAppend(batch, layer, x.columns(0, 8), x), "keys");
    Refusal.of(SHAPE, () -> kernels.kvAppend(batch, layer, x, x.columns(0, 8)), "values");
    Refusal.of(SHAPE, () -> kernels.kvAppend(batch, layer, x.top(1), x), "rows of the batch");
    Refusal.of(SHAPE, () -> kernels.kvAppend(batch, layer, x, x.top(1)), "rows of the batch");
    KvLayer few = device.layer(DType.F16, 3, 2, 8);
    Refusal.of(SHAPE, () -> kernels.kvAppend(batch, few, x, x), "page 3", "3 pages");
    KvLayer beyond = new KvLayer(layer.buffer(), 0, DType.F16, 5, 2, 8);
    Refusal.of(BOUNDS, () -> kernels.kvAppend(batch, beyond, x, x), "20480", "16384");
    KvLayer wide = new KvLayer(layer.buffer(), 0, DType.F32, 4, 2, 8);
    Refusal.of(BOUNDS, () -> kernels.kvAppend(batch, wide, x, x), "32768", "16384");
    KvLayer shifted = new KvLayer(layer.buffer(), 2, DType.F16, 4, 2, 8);
    Refusal.of(BOUNDS, () -> kernels.kvAppend(batch, shifted, x, x), "16386");
    KvLayer blocks = new KvLayer(layer.buffer(), 0, DType.Q8_0, 4, 2, 8);
    Refusal.of(NATIVE, () -> kernels.kvAppend(batch, blocks, x, x), "format 3");
  }

  @Test
  void attention() {
    KvLayer layer = device.layer(DType.F32, 4, 2, 8);
    Matrix q = device.output(2, 32);
    Matrix out = device.output(2, 32);
    Refusal.of(SHAPE, () -> kernels.attention(batch, layer, 3, 1, q, out, null), "queries");
    Refusal.of(
        SHAPE, () -> kernels.attention(batch, layer, 4, 1, q, out.columns(0, 8), null), "outputs");
    Refusal.of(SHAPE, () -> kernels.attention(batch, layer, 4, 1, q.top(1), out, null), "rows");
    Refusal.of(
        NATIVE,
        () -> kernels.attention(batch, layer, 3, 1, q.columns(0, 24), out.columns(0, 24), null),
        "3 heads over 2");
    KvLayer few = device.layer(DType.F32, 3, 2, 8);
    Refusal.of(SHAPE, () -> kernels.attention(batch, few, 4, 1, q, out, null), "page 3", "3 pages");
    KvLayer wide = device.layer(DType.F32, 4, 1, 258);
    Matrix row = device.output(2, 258);
    Refusal.of(NATIVE, () -> kernels.attention(batch, wide, 1, 1, row, row, null), "258", "256");
  }

  @Test
  void kvGather() {
    KvLayer layer = device.layer(DType.F32, 4, 2, 8);
    int[] pages = {3, 1};
    int[] from = {5, 9};
    int[] to = {4, 5};
    kernels.kvGather(layer, 1, 0, pages, 2, from, to);
    long bytes = layer.buffer().bytes();
    Refusal.of(SHAPE, () -> kernels.kvGather(layer, 1, 0, pages, 3, from, to), "3 slots");
    Refusal.of(SHAPE, () -> kernels.kvGather(layer, 1, 0, pages, 2, from, new int[1]), "to 1");
    Refusal.of(NATIVE, () -> kernels.kvGather(layer, 1, 0, pages, -1, from, to), "-1 slots");
    Refusal.of(NATIVE, () -> kernels.kvGather(layer, 1, 0, pages, 2, to, from), "slot 4 to 5");
    Refusal.of(
        NATIVE, () -> kernels.kvGather(layer, 1, 0, pages, 1, new int[] {128}, to), "slot 128");
    Refusal.of(NATIVE, () -> kernels.kvGather(layer, 1, 0, new int[0], 1, from, to), "0 pages");
    Refusal.of(SHAPE, () -> kernels.kvGather(layer, 1, 0, new int[] {4}, 2, from, to), "page 4");
    Refusal.of(SHAPE, () -> kernels.kvGather(layer, 1, 0, new int[] {-1}, 2, from, to), "page -1");
    Refusal.of(BOUNDS, () -> kernels.kvGather(layer, 2, 1, pages, 2, from, to), "bytes 1 to");
    Refusal.of(
        BOUNDS, () -> kernels.kvGather(layer, 2, bytes, pages, 2, from, to), "bytes " + bytes);
    Refusal.of(BOUNDS, () -> kernels.kvGather(layer, 2, -bytes, pages, 2, from, to), "-" + bytes);
    Refusal.of(NATIVE, () -> kernels.kvGather(layer, 0, 0, pages, 2, from, to), "0 layers");
    assertThrows(
        ArithmeticException.class,
        () -> kernels.kvGather(layer, 5, Long.MAX_VALUE, pages, 2, from, to));
  }

  @Test
  void accept() {
    KvLayer layer = device.layer(DType.F32, 4, 2, 8);
    DeviceBuffer ids = device.ones(20);
    kernels.accept(batch, ids, 0, 4, layer, 1, 0);
    kernels.accept(batch, ids, 3, 1, layer, 1, 0);
    long bytes = layer.buffer().bytes();
    Refusal.of(BOUNDS, () -> kernels.accept(batch, ids, 0, 5, layer, 1, 0), "24", "20");
    Refusal.of(BOUNDS, () -> kernels.accept(batch, ids, 4, 1, layer, 1, 0), "24", "20");
    Refusal.of(BOUNDS, () -> kernels.accept(batch, ids, -1, 1, layer, 1, 0), "bytes -4");
    Refusal.of(NATIVE, () -> kernels.accept(batch, ids, 1, -1, layer, 1, 0), "-1 apart");
    Refusal.of(NATIVE, () -> kernels.accept(batch, ids, 0, 0, layer, 1, 0), "0 apart");
    Refusal.of(BOUNDS, () -> kernels.accept(batch, ids, 0, 1, layer, 2, bytes), "bytes " + bytes);
    Refusal.of(NATIVE, () -> kernels.accept(batch, ids, 0, 1, layer, 0, 0), "0 layers");
    KvLayer few = device.layer(DType.F32, 3, 2, 8);
    Refusal.of(SHAPE, () -> kernels.accept(batch, ids, 0, 1, few, 1, 0), "page 3", "3 pages");
  }

  @Test
  void fused() {
    FusedKernels fused = kernels.fused();
    PackedWeight weight = weight(DType.F16, 12, 16);
    Matrix x = device.output(2, 16);
    Matrix y = device.output(2, 12);
    DeviceBuffer norm = device.ones(64);
    DeviceBuffer few = device.ones(60);
    DeviceBuffer scratch = device.ones(fused.matmulScratchBytes(weight, 2));
    Refusal.of(
        SHAPE,
        () -> fused.rmsnormMatmul(weight, y, norm, 1, y, null, false, scratch),
        "rmsnormMatmul: inputs");
    Refusal.of(
        SHAPE,
        () -> fused.rmsnormMatmul(weight, x, norm, 1, x, null, false, scratch),
        "rmsnormMatmul: outputs");
    Refusal.of(
        SHAPE,
        () -> fused.rmsnormMatmul(weight, x, norm, 1, y.top(1), null, false, scratch),
        "rmsnormMatmul: rows");
    Refusal.of(
        BOUNDS, () -> fused.rmsnormMatmul(weight, x, few, 1, y, null, false, scratch), "64", "60");
    Refusal.of(
        BOUNDS,
        () -> fused.rmsnormMatmul(weight, x, norm, 1, y, device.ones(44), false, scratch),
        "48",
        "44");
    Refusal.of(
        NATIVE, () -> fused.rmsnormMatmul(weight, x, norm, 1, y, null, false, null), "scratch");
    Refusal.of(
        SHAPE,
        () -> fused.swigluMatmul(weight, x, x.top(1), y, null, false, scratch),
        "swigluMatmul: up: rows");
    Matrix dense = Matrix.of(device.vector(new float[32]), 2, 16);
    Refusal.of(
        SHAPE,
        () -> fused.swigluMatmul(weight, x, dense, y, null, false, scratch),
        "swigluMatmul: row distance");
    Refusal.of(NATIVE, () -> fused.swigluMatmul(weight, x, x, y, null, false, null), "scratch");
    KvLayer layer = device.layer(DType.F32, 4, 1, 8);
    Matrix table = Matrix.of(device.vector(new float[80 * 8]), 80, 8);
    Matrix q = x;
    Matrix k = x.columns(0, 8);
    Refusal.of(SHAPE, () -> fused.ropeAppend(batch, table, q, q, k, layer), "ropeAppend: keys");
    Refusal.of(SHAPE, () -> fused.ropeAppend(batch, table, q, k, q, layer), "ropeAppend: values");
    Refusal.of(
        SHAPE,
        () -> fused.ropeAppend(batch, table, q.columns(0, 12), k, k, layer),
        "ropeAppend: columns of whole heads");
    Refusal.of(
        SHAPE,
        () -> fused.ropeAppend(batch, table.columns(0, 6), q, k, k, layer),
        "ropeAppend: table");
    Refusal.of(SHAPE, () -> fused.ropeAppend(batch, table, q.top(1), k, k, layer), "rows");
    Refusal.of(NATIVE, () -> fused.ropeAppend(batch, table.top(71), q, k, k, layer), "position 71");
    KvLayer small = device.layer(DType.F32, 3, 1, 8);
    Refusal.of(SHAPE, () -> fused.ropeAppend(batch, table, q, k, k, small), "page 3", "3 pages");
  }

  @Test
  void swigluAndResidual() {
    Matrix x = device.output(3, 12);
    Matrix dense = Matrix.of(device.vector(new float[36]), 3, 12);
    Refusal.of(SHAPE, () -> kernels.swiglu(x, x.top(2), x), "swiglu: rows");
    Refusal.of(SHAPE, () -> kernels.swiglu(x, x, x.top(2)), "swiglu: rows");
    Refusal.of(SHAPE, () -> kernels.swiglu(x, x.columns(0, 9), x), "swiglu: columns");
    Refusal.of(SHAPE, () -> kernels.swiglu(x, x, x.columns(0, 9)), "swiglu: columns");
    Refusal.of(SHAPE, () -> kernels.swiglu(x, dense, x), "row distance");
    Refusal.of(SHAPE, () -> kernels.residual(x, x.top(2)), "residual: rows");
    Refusal.of(SHAPE, () -> kernels.residual(x, x.columns(0, 9)), "residual: columns");
  }

  @Test
  void argmaxAndTopk() {
    Matrix logits = device.output(3, 12);
    DeviceBuffer twelve = device.ones(12);
    DeviceBuffer eight = device.ones(8);
    Refusal.of(BOUNDS, () -> kernels.argmax(logits, eight), "12", "8");
    Refusal.of(BOUNDS, () -> kernels.topk(logits, 2, twelve, twelve), "24", "12");
    Refusal.of(BOUNDS, () -> kernels.topk(logits, 1, twelve, eight), "12", "8");
    Refusal.of(NATIVE, () -> kernels.topk(logits, 0, twelve, twelve), "k 0 of 12");
    assertThrows(RuntimeException.class, () -> kernels.topk(logits, -1, twelve, twelve));
    DeviceBuffer large = device.ones(4096);
    Refusal.of(NATIVE, () -> kernels.topk(logits, 13, large, large), "k 13 of 12");
    Matrix wide = device.output(1, 100);
    Refusal.of(NATIVE, () -> kernels.topk(wide, 65, large, large), "k 65 of 100");
  }

  @Test
  void sample() {
    Matrix logits = device.output(2, 12);
    DeviceBuffer ids = device.ones(8);
    sampling(0, 0, 1, 0, "temperature 0");
    sampling(-1, 0, 1, 0, "temperature -1");
    sampling(Float.NaN, 0, 1, 0, "temperature");
    sampling(Float.POSITIVE_INFINITY, 0, 1, 0, "temperature inf");
    sampling(1, -1, 1, 0, "top_k -1");
    sampling(1, 0, 0, 0, "top_p 0");
    sampling(1, 0, 1.5f, 0, "top_p 1.5");
    sampling(1, 0, Float.NaN, 0, "top_p");
    sampling(1, 0, 1, -0.5f, "min_p -0.5");
    sampling(1, 0, 1, Float.NaN, "min_p");
    Refusal.of(NATIVE, () -> kernels.sample(batch, 0, logits, ids, null), "no sampling");
    batch.sampling(1, 0, 1, 0, 1);
    Refusal.of(NATIVE, () -> kernels.sample(batch, 0, logits, ids, null), "no sampling");
    setBatch();
    Refusal.of(NATIVE, () -> kernels.sample(batch, 1, logits, ids, null), "rows 1 + 2 of 2");
    Refusal.of(NATIVE, () -> kernels.sample(batch, -1, logits, ids, null), "rows -1");
    DeviceBuffer few = device.ones(7);
    Refusal.of(BOUNDS, () -> kernels.sample(batch, 0, logits, few, null), "8", "7");
    Batch empty = device.keep(kernels.newBatch(2, 2));
    Refusal.of(NATIVE, () -> kernels.sample(empty, 0, logits, ids, null), "empty");
    Refusal.of(NATIVE, () -> kernels.sampleScratchBytes(0, 12), "0 rows");
  }

  private void sampling(float temperature, int topK, float topP, float minP, String part) {
    Refusal.of(NATIVE, () -> batch.sampling(temperature, topK, topP, minP, 1), part);
  }

  @Test
  void copies() {
    DeviceBuffer buffer = device.vector(new float[4]);
    Refusal.of(BOUNDS, () -> kernels.copy(buffer, 0, 8, 9), "8 to 17", "16");
    Refusal.of(BOUNDS, () -> kernels.copy(buffer, 8, 0, 9), "8 to 17", "16");
    Refusal.of(BOUNDS, () -> kernels.copy(buffer, -1, 0, 4), "-1");
    Refusal.of(BOUNDS, () -> kernels.copy(buffer, 0, 0, -1), "-1");
    Refusal.of(BOUNDS, () -> kernels.copy(buffer, 0, Long.MAX_VALUE, 4), "16");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(17);
      Refusal.of(BOUNDS, () -> kernels.upload(host, buffer), "17", "16");
      Refusal.of(BOUNDS, () -> kernels.download(buffer, host), "17", "16");
      MemorySegment constant = arena.allocate(16).asReadOnly();
      Refusal.of(SHAPE, () -> kernels.download(buffer, constant), "writable");
    }
    MemorySegment heap = MemorySegment.ofArray(new byte[16]);
    Refusal.of(SHAPE, () -> kernels.upload(heap, buffer), "native");
    Refusal.of(SHAPE, () -> kernels.download(buffer, heap), "native");
    MemorySegment gone;
    try (Arena arena = Arena.ofConfined()) {
      gone = arena.allocate(16);
    }
    PackedWeight weight = weight(DType.F32, 1, 4);
    Class<IllegalStateException> closed = IllegalStateException.class;
    Refusal.of(closed, () -> kernels.upload(gone, buffer), "host memory is closed");
    Refusal.of(closed, () -> kernels.download(buffer, gone), "host memory is closed");
    Refusal.of(closed, () -> kernels.pack(weight, 0, 1, gone), "host memory is closed");
  }
}
