package dev.jangle.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.jangle.backend.Backend;
import dev.jangle.backend.Batch;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.KvLayer;
import dev.jangle.backend.Machine;
import dev.jangle.backend.Matrix;
import dev.jangle.format.DType;
import dev.jangle.format.ModelConfig;
import dev.jangle.format.RopeScaling;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Caches of one pool in which every slot holds a number: its keys are the tag, its values minus the
 * tag, in each layer with another sign. Tags are at most 2,000, exact in F16.
 */
final class TaggedCaches implements AutoCloseable {
  private static final int KV_HEADS = 2;
  private static final int HEAD_DIM = 8;
  private static final int LAYERS = 2;
  private static final int MOST_ROWS = 256;

  /** Rows of the largest tree, in which row i is a child of (i - 1) / 2; more rows are a chain. */
  static final int MOST_TREE = 128;

  static final ModelConfig CONFIG =
      new ModelConfig(
          "llama",
          32,
          64,
          LAYERS,
          4,
          KV_HEADS,
          HEAD_DIM,
          20,
          1024,
          1e-5f,
          10_000,
          new RopeScaling.None(),
          true,
          false,
          false,
          OptionalInt.empty(),
          Set.of());

  private final Backend backend = Machine.best(1).open();
  private final Kernels kernels = backend.newKernels();
  private final Batch batch;
  private final KvPool pool;
  private final DType dtype;

  TaggedCaches(DType dtype, int pages) {
    this.dtype = dtype;
    this.batch = kernels.newBatch(MOST_ROWS, pages);
    this.pool = new KvPool(backend, CONFIG, dtype, pages);
  }

  KvCache open() {
    return new KvCache(pool, kernels);
  }

  KvCache fork(KvCache cache) {
    return cache.fork(kernels);
  }

  int free() {
    return pool.freePages();
  }

  static int[] range(int first, int count) {
    return IntStream.range(first, first + count).toArray();
  }

  static int[] append(int[] tags, int... more) {
    return IntStream.concat(Arrays.stream(tags), Arrays.stream(more)).toArray();
  }

  /** Writes rows after the committed ones, as a pass over a tree does; commits nothing. */
  void write(KvCache cache, int... tags) {
    cache.reserve(tags.length);
    int[] parents = new int[tags.length];
    Arrays.setAll(parents, i -> tags.length > MOST_TREE ? i - 1 : (i - 1) / 2);
    parents[0] = -1;
    // A row's token is its number.
    int[] tokens = IntStream.range(0, tags.length).toArray();
    batch.set(tokens, parents, 0, tags.length, cache.length(), cache.pages());
    int width = KV_HEADS * HEAD_DIM;
    for (int layer = 0; layer < LAYERS; layer++) {
      float[] keys = new float[tags.length * width];
      float[] values = new float[keys.length];
      for (int i = 0; i < keys.length; i++) {
        keys[i] = sign(layer) * tags[i / width];
        values[i] = -keys[i];
      }
      try (DeviceBuffer k = kernels.upload(keys);
          DeviceBuffer v = kernels.upload(values)) {
        kernels.kvAppend(
            batch,
            cache.layer(layer),
            Matrix.of(k, tags.length, width),
            Matrix.of(v, tags.length, width));
        kernels.synchronize();
      }
    }
  }

  /** Accepts these rows of the last write: each is a child of the one before it. */
  void accept(KvCache cache, int... path) {
    int[] ids = new int[batch.rows()];
    Arrays.fill(ids, -1);
    for (int i = 1; i < path.length; i++) {
      ids[path[i - 1]] = path[i];
    }
    try (Arena arena = Arena.ofConfined();
        DeviceBuffer chosen = backend.allocate((long) ids.length * Integer.BYTES)) {
      kernels.upload(arena.allocateFrom(ValueLayout.JAVA_INT, ids), chosen);
      cache.accept(batch, chosen, 0, 1);
      kernels.synchronize();
    }
  }

  private static int sign(int layer) {
    return layer == 0 ? 1 : -1;
  }

  /** Fails unless these are the committed slots' tags, in every layer, head and element. */
  void assertHolds(KvCache cache, int... tags) {
    assertEquals(tags.length, cache.length(), "length");
    KvLayer first = cache.layer(0);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(first.buffer().bytes(), 8);
      kernels.download(first.buffer(), host);
      for (int layer = 0; layer < LAYERS; layer++) {
        for (int slot = 0; slot < tags.length; slot++) {
          long page =
              cache.layer(layer).offset()
                  + cache.pages()[slot / KvLayer.PAGE]
                      * KvLayer.pageBytes(dtype, KV_HEADS, HEAD_DIM);
          for (int head = 0; head < 2 * KV_HEADS; head++) {
            int expected = (head < KV_HEADS ? 1 : -1) * sign(layer) * tags[slot];
            for (int i = 0; i < HEAD_DIM; i++) {
              long element = ((long) head * KvLayer.PAGE + slot % KvLayer.PAGE) * HEAD_DIM + i;
              float found = element(host, page, element);
              if (found != expected) {
                fail(
                    "layer %d, slot %d, head %d, element %d: %s, expected %d"
                        .formatted(layer, slot, head, i, found, expected));
              }
            }
          }
        }
      }
    }
  }

  private float element(MemorySegment host, long page, long element) {
    return dtype == DType.F32
        ? host.get(ValueLayout.JAVA_FLOAT, page + 4 * element)
        : Float.float16ToFloat(host.get(ValueLayout.JAVA_SHORT, page + 2 * element));
  }

  @Override
  public void close() {
    batch.close();
    kernels.close();
    backend.close();
  }
}
