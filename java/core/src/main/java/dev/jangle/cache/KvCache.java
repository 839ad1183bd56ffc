package dev.jangle.cache;

import dev.jangle.backend.Batch;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.KvLayer;
import java.util.Arrays;

/**
 * The keys and values of one sequence. Slots [0, length) are committed, and slot = position there.
 * A forward pass of M rows writes slots [length, length + M); then a path of them is committed,
 * which moves its rows to the front of that range and forgets the rest.
 *
 * <p>One owner, one thread at a time.
 */
public final class KvCache implements AutoCloseable {
  private final KvPool pool;
  private final Kernels kernels;
  private int[] pages = new int[0];
  private int length;
  private boolean closed;

  public KvCache(KvPool pool, Kernels kernels) {
    this.pool = pool;
    this.kernels = kernels;
    pool.open();
  }

  /** Committed positions. */
  public int length() {
    return length;
  }

  /** The page table; slot s lies in page {@code pages()[s / 64]}. Valid until the next change. */
  public int[] pages() {
    return pages;
  }

  public KvLayer layer(int index) {
    return pool.layer(index);
  }

  /**
   * Makes slots [length, length + rows) writable: takes pages that are missing, and copies a page
   * that a fork shares.
   *
   * @throws ContextFullException where the pool has no page left; nothing is lost
   */
  public void reserve(int rows) {
    int first = length / KvLayer.PAGE;
    int needed = (length + rows + KvLayer.PAGE - 1) / KvLayer.PAGE;
    boolean copy = first < pages.length && pool.isShared(pages[first]);
    int missing = Math.max(0, needed - pages.length) + (copy ? 1 : 0);
    if (missing > pool.freePages()) {
      throw new ContextFullException(
          "%d positions after %d need %d more pages of the KV cache; %d are free"
              .formatted(rows, length, missing, pool.freePages()));
    }
    if (copy) {
      int own = pool.take();
      if (length % KvLayer.PAGE != 0) {
        pool.copyPage(kernels, pages[first], own);
      }
      pool.release(pages[first]);
      pages[first] = own;
    }
    int had = pages.length;
    if (needed > had) {
      pages = Arrays.copyOf(pages, needed);
      for (int i = had; i < needed; i++) {
        pages[i] = pool.take();
      }
    }
  }

  /**
   * Moves the rows that the model's choices lead to, from row 0 of the batch on, to where {@link
   * #commit} takes them from. On the device, in stream order; see {@link Kernels#accept}.
   *
   * @param ids the choice after row i: integer {@code first + i * stride}
   */
  public void accept(Batch batch, DeviceBuffer ids, long first, long stride) {
    kernels.accept(batch, ids, first, stride, pool.layer(0), pool.layerCount(), pool.layerBytes());
  }

  /**
   * Commits the first {@code rows} rows of the last pass, which are a chain, or were moved by
   * {@link #accept}.
   */
  public void commit(int rows) {
    if (rows < 0 || length + rows > pages.length * KvLayer.PAGE) {
      throw new IllegalArgumentException(rows + " rows to commit after " + length);
    }
    length += rows;
  }

  /** Forgets all positions from {@code newLength} on. */
  public void truncate(int newLength) {
    if (newLength < 0 || newLength > length) {
      throw new IllegalArgumentException("truncate to " + newLength + " of " + length);
    }
    length = newLength;
    int needed = (length + KvLayer.PAGE - 1) / KvLayer.PAGE;
    for (int i = needed; i < pages.length; i++) {
      pool.release(pages[i]);
    }
    pages = Arrays.copyOf(pages, Math.min(needed, pages.length));
  }

  /**
   * A second sequence with the same committed positions. Pages are shared until one of the two
   * writes to them.
   */
  public KvCache fork(Kernels forkKernels) {
    KvCache fork = new KvCache(pool, forkKernels);
    int used = (length + KvLayer.PAGE - 1) / KvLayer.PAGE;
    fork.pages = Arrays.copyOf(pages, used);
    fork.length = length;
    for (int page : fork.pages) {
      pool.share(page);
    }
    return fork;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      for (int page : pages) {
        pool.release(page);
      }
      pages = new int[0];
      pool.close();
    }
  }
}
