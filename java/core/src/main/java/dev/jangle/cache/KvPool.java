package dev.jangle.cache;

import dev.jangle.backend.Backend;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.KvLayer;
import dev.jangle.backend.OutOfDeviceMemoryException;
import dev.jangle.format.DType;
import dev.jangle.format.ModelConfig;
import java.util.ArrayDeque;

/**
 * The pages that a session and its forks share: one buffer, [layers][pages][2 = K, V][kvHeads][64]
 * [headDim]. Its size is known before it is taken. Closes when its last cache does. Not
 * thread-safe: a pool belongs to one session and its forks, which have one owner.
 */
public final class KvPool {
  private final KvLayer[] layers;
  private final DeviceBuffer buffer;
  private final long pageBytes;
  private final int[] references;
  private final ArrayDeque<Integer> free = new ArrayDeque<>();
  private int caches;

  /**
   * @param pages number of pages
   * @throws OutOfDeviceMemoryException before anything is taken, saying what was asked and what
   *     fits
   */
  public KvPool(Backend backend, ModelConfig config, DType dtype, int pages) {
    int kvHeads = config.kvHeads();
    int headDim = config.headDim();
    pageBytes = KvLayer.pageBytes(dtype, kvHeads, headDim);
    long needed = bytes(config, dtype, pages);
    long available = backend.freeBytes();
    if (needed > available) {
      throw new OutOfDeviceMemoryException(
          ("the KV cache for %,d positions needs %,d bytes; %,d are free, which is room for %,d"
                  + " positions: lower the context length, or use an F16 cache")
              .formatted(
                  (long) pages * KvLayer.PAGE,
                  needed,
                  available,
                  available / bytes(config, dtype, 1) * KvLayer.PAGE));
    }
    buffer = backend.allocate(needed);
    layers = new KvLayer[config.layers()];
    for (int i = 0; i < layers.length; i++) {
      layers[i] = new KvLayer(buffer, (long) i * pages * pageBytes, dtype, pages, kvHeads, headDim);
    }
    references = new int[pages];
    for (int page = 0; page < pages; page++) {
      free.add(page);
    }
  }

  /** Bytes that a pool of so many pages takes. */
  public static long bytes(ModelConfig config, DType dtype, int pages) {
    return Math.multiplyExact(
        KvLayer.pageBytes(dtype, config.kvHeads(), config.headDim()),
        Math.multiplyExact((long) pages, config.layers()));
  }

  KvLayer layer(int index) {
    return layers[index];
  }

  int layerCount() {
    return layers.length;
  }

  long layerBytes() {
    return pageBytes * references.length;
  }

  /** Pages that nobody uses. */
  int freePages() {
    return free.size();
  }

  int take() {
    Integer page = free.poll();
    if (page == null) {
      throw new ContextFullException(
          "all " + references.length + " pages of the KV cache are in use");
    }
    references[page] = 1;
    return page;
  }

  void share(int page) {
    references[page]++;
  }

  boolean isShared(int page) {
    return references[page] > 1;
  }

  void release(int page) {
    if (--references[page] == 0) {
      free.push(page);
    }
  }

  void copyPage(Kernels kernels, int from, int to) {
    for (KvLayer layer : layers) {
      kernels.copy(
          buffer, layer.offset() + from * pageBytes, layer.offset() + to * pageBytes, pageBytes);
    }
  }

  void open() {
    caches++;
  }

  /** Gives back one cache's hold, or a pool that never had a cache. */
  public void close() {
    if (--caches <= 0) {
      buffer.close();
    }
  }
}
