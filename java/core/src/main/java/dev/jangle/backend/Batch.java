package dev.jangle.backend;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The rows of one forward pass: tokens, and where each stands. Rows of one sequence form a tree by
 * their parents; see {@code jg_batch_set} in {@code jangle.h}. One thread at a time.
 */
public final class Batch implements AutoCloseable {
  private final Backend backend;
  private final Kernels kernels;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment handle;
  private final MemorySegment staging;
  private final int maxRows;
  private final int maxPages;
  private int rows;
  private int largestPage;
  private boolean closed;

  Batch(Backend backend, Kernels kernels, int maxRows, int maxPages) {
    this.backend = backend;
    this.kernels = kernels;
    this.maxRows = maxRows;
    this.maxPages = maxPages;
    MemorySegment out = arena.allocate(ADDRESS);
    backend.bindings.check(
        backend.bindings.batches.batchCreate(backend.context(), maxRows, 1, maxPages, out));
    handle = out.get(ADDRESS, 0);
    staging = arena.allocate(JAVA_INT, 3L * maxRows + maxPages + 1);
  }

  /** Rows of the last {@link #set}. */
  public int rows() {
    return rows;
  }

  /** The most rows it holds. */
  public int maxRows() {
    return maxRows;
  }

  /**
   * Sets the rows of one sequence.
   *
   * @param tokens ids; row i is {@code tokens[from + i]}
   * @param parents the row each one follows, -1 for the last committed position
   * @param committed positions that the cache holds already
   * @param pages the sequence's page table; every slot used must have its page
   */
  public void set(int[] tokens, int[] parents, int from, int count, int committed, int[] pages) {
    MemorySegment batch = handle();
    if (count < 1 || count > maxRows) {
      throw new IllegalArgumentException(count + " rows; the batch holds 1 to " + maxRows);
    }
    long lastPage = ((long) committed + count - 1) / KvLayer.PAGE;
    if (lastPage >= pages.length || pages.length > maxPages) {
      throw new IllegalArgumentException(
          "page %d of a table of %d, in a batch of %d".formatted(lastPage, pages.length, maxPages));
    }
    int largest = 0;
    for (int i = 0; i <= lastPage; i++) {
      if (pages[i] < 0) {
        throw new IllegalArgumentException("page table: entry %d is %d".formatted(i, pages[i]));
      }
      largest = Math.max(largest, pages[i]);
    }
    MemorySegment tokenRows = staging.asSlice(0, 4L * maxRows);
    MemorySegment sequenceRows = staging.asSlice(4L * maxRows, 4L * maxRows);
    MemorySegment parentRows = staging.asSlice(8L * maxRows, 4L * maxRows);
    MemorySegment table = staging.asSlice(12L * maxRows, 4L * maxPages);
    MemorySegment base = staging.asSlice(12L * maxRows + 4L * maxPages, 4);
    MemorySegment.copy(tokens, from, tokenRows, JAVA_INT, 0, count);
    MemorySegment.copy(parents, from, parentRows, JAVA_INT, 0, count);
    MemorySegment.copy(pages, 0, table, JAVA_INT, 0, pages.length);
    base.set(JAVA_INT, 0, committed);
    backend.bindings.check(
        backend.bindings.batches.batchSet(
            kernels.stream(), batch, count, tokenRows, sequenceRows, parentRows, 1, base, table));
    rows = count;
    largestPage = largest;
  }

  /** Refuses a layer that has not all pages of the rows' table. */
  void requirePages(KvLayer layer) {
    if (largestPage >= layer.pages()) {
      throw new IllegalArgumentException(
          "page table: page %d of a cache of %d pages".formatted(largestPage, layer.pages()));
    }
  }

  MemorySegment handle() {
    if (closed) {
      throw new IllegalStateException("the batch is closed");
    }
    return handle;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      backend.bindings.check(backend.bindings.batches.batchDestroy(handle));
      arena.close();
    }
  }
}
