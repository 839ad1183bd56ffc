package dev.jangle.backend;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jangle.format.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * A backend and a stream; what is made from it closes with it. Rows lie apart in memory, with a NaN
 * in every gap: a kernel that reads too far spoils its result, one that writes too far is found by
 * {@link #read}.
 */
final class Device implements AutoCloseable {
  /** A NaN that no arithmetic makes. */
  static final int POISON = 0x7fc5dead;

  private static final int FIRST = 1;
  private static final int GAP = 3;

  final Backend backend;
  final Kernels kernels;
  private final ArrayDeque<AutoCloseable> taken = new ArrayDeque<>();

  Device(Machine machine) {
    backend = keep(machine.open());
    kernels = keep(backend.newKernels());
  }

  /** A matrix of these values. */
  Matrix input(float[][] rows) {
    int cols = rows[0].length;
    float[] all = poisoned(rows.length, cols);
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(rows[i], 0, all, FIRST + i * (cols + GAP), cols);
    }
    return matrix(all, rows.length, cols);
  }

  /** A matrix of NaN. */
  Matrix output(int rows, int cols) {
    return matrix(poisoned(rows, cols), rows, cols);
  }

  private Matrix matrix(float[] all, int rows, int cols) {
    return new Matrix(keep(kernels.upload(all)), FIRST, rows, cols, cols + GAP);
  }

  private static float[] poisoned(int rows, int cols) {
    float[] all = new float[FIRST + rows * (cols + GAP)];
    Arrays.fill(all, Float.intBitsToFloat(POISON));
    return all;
  }

  /** The rows of a matrix from {@link #input} or {@link #output}, after a look at the gaps. */
  float[][] read(Matrix matrix) {
    ByteBuffer all = ByteBuffer.wrap(bytes(matrix.buffer())).order(ByteOrder.nativeOrder());
    int cols = (int) matrix.cols();
    float[][] rows = new float[(int) matrix.rows()][cols];
    for (int at = 0; at < all.limit() / Float.BYTES; at++) {
      int row = (at - FIRST) / (cols + GAP);
      int col = (at - FIRST) % (cols + GAP);
      if (at >= FIRST && row < rows.length && col < cols) {
        rows[row][col] = all.getFloat(at * Float.BYTES);
      } else {
        assertEquals(POISON, all.getInt(at * Float.BYTES), "written outside the matrix, at " + at);
      }
    }
    return rows;
  }

  /** A buffer of these values. */
  DeviceBuffer vector(float... values) {
    return keep(kernels.upload(values));
  }

  /** A buffer of so many bytes of ones: NaN as F32 and as F16, -1 as an integer. */
  DeviceBuffer ones(long bytes) {
    DeviceBuffer buffer = keep(backend.allocate(bytes));
    try (Arena arena = Arena.ofConfined()) {
      kernels.upload(arena.allocate(bytes).fill((byte) -1), buffer);
      kernels.synchronize();
    }
    return buffer;
  }

  /** What a buffer holds. */
  byte[] bytes(DeviceBuffer buffer) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(buffer.bytes(), 8);
      kernels.download(buffer, host);
      return host.toArray(JAVA_BYTE);
    }
  }

  /** The integers that a buffer begins with. */
  int[] ints(DeviceBuffer buffer, int count) {
    int[] values = new int[count];
    ByteBuffer.wrap(bytes(buffer)).order(ByteOrder.nativeOrder()).asIntBuffer().get(values);
    return values;
  }

  /** The floats that a buffer begins with. */
  float[] floats(DeviceBuffer buffer, int count) {
    float[] values = new float[count];
    ByteBuffer.wrap(bytes(buffer)).order(ByteOrder.nativeOrder()).asFloatBuffer().get(values);
    return values;
  }

  /** A weight from its rows in the file's layout, packed in two parts where it has two rows. */
  PackedWeight weight(DType dtype, int n, int k, byte[] file) {
    PackedWeight weight = keep(kernels.newWeight(dtype, n, k));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment source = arena.allocateFrom(JAVA_BYTE, file);
      int first = n / 3;
      if (first > 0) {
        kernels.pack(weight, 0, first, source.asSlice(0, dtype.bytes((long) first * k)));
      }
      kernels.pack(weight, first, n - first, source.asSlice(dtype.bytes((long) first * k)));
    }
    return weight;
  }

  /** The scratch that a product of so many rows needs, or null. */
  DeviceBuffer scratch(PackedWeight weight, int rows) {
    long bytes = kernels.matmulScratchBytes(weight.dtype(), weight.n(), weight.k(), rows);
    return bytes == 0 ? null : ones(bytes);
  }

  /** The scratch that attention needs for rows of a batch of so many pages, or null. */
  DeviceBuffer attentionScratch(int heads, int headDim, int rows, int pages) {
    long bytes = kernels.attentionScratchBytes(heads, headDim, rows, pages);
    return bytes == 0 ? null : ones(bytes);
  }

  /** A batch of these rows, over pages in the order of the table. */
  Batch batch(int[] tokens, Tree tree, int[] pages) {
    Batch batch = keep(kernels.newBatch(tokens.length, pages.length));
    batch.set(tokens, tree.parents(), 0, tokens.length, tree.committed(), pages);
    return batch;
  }

  /** A layer of NaN. */
  KvLayer layer(DType dtype, int pages, int kvHeads, int headDim) {
    long bytes = pages * KvLayer.pageBytes(dtype, kvHeads, headDim);
    return new KvLayer(ones(bytes), 0, dtype, pages, kvHeads, headDim);
  }

  <T extends AutoCloseable> T keep(T resource) {
    taken.push(resource);
    return resource;
  }

  @Override
  public void close() {
    while (!taken.isEmpty()) {
      try {
        taken.pop().close();
      } catch (Exception e) {
        throw new AssertionError("cannot close", e);
      }
    }
  }
}
