package dev.jangle.backend;

import static dev.jangle.backend.Shapes.requireShape;
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
  private final int[] depths;
  private int rows;
  private int largestToken;
  private long largestPosition;
  private int largestPage;
  private boolean samplingNext;
  private boolean sampling;
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
    depths = new int[maxRows];
  }

  /** Rows of the last {@link #set}, those of padding included. */
  public int rows() {
    return rows;
  }

  /** The most rows it holds. */
  public int maxRows() {
    return maxRows;
  }

  /**
   * How {@link Kernels#sample} draws, from the next {@link #set} on; see {@code jg_batch_sampling}.
   *
   * @param temperature more than 0
   * @param topK how many of the likeliest to keep, 0 for all
   * @param topP the share of the probability to keep, 1 for all
   * @param minP the least probability to keep, as a share of the largest
   */
  public void sampling(float temperature, int topK, float topP, float minP, long seed) {
    backend.bindings.check(
        backend.bindings.batches.batchSampling(handle(), 0, temperature, topK, topP, minP, seed));
    samplingNext = true;
  }

  /**
   * Sets the rows of one sequence, without padding.
   *
   * @param tokens ids; row i is {@code tokens[from + i]}
   * @param parents the row each one follows, -1 for the last committed position
   * @param committed positions that the cache holds already
   * @param pages the sequence's page table; every slot used must have its page
   */
  public void set(int[] tokens, int[] parents, int from, int count, int committed, int[] pages) {
    set(tokens, parents, from, count, count, committed, pages);
  }

  /**
   * Sets the rows of one sequence and pads them, so that what was recorded of {@code paddedRows}
   * rows can be launched. Padding repeats row 0; it writes nothing to a cache, and its results mean
   * nothing.
   *
   * @param tokens ids; row i is {@code tokens[from + i]}
   * @param parents the row each one follows, -1 for the last committed position
   * @param committed positions that the cache holds already
   * @param pages the sequence's page table; every slot used must have its page
   */
  public void set(
      int[] tokens,
      int[] parents,
      int from,
      int count,
      int paddedRows,
      int committed,
      int[] pages) {
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
        backend.bindings.batches.batchSetPadded(
            kernels.stream(),
            batch,
            count,
            paddedRows,
            tokenRows,
            sequenceRows,
            parentRows,
            1,
            base,
            table));
    rows = paddedRows;
    largestPage = largest;
    largestToken = 0;
    int deepest = 0;
    for (int i = 0; i < count; i++) {
      largestToken = Math.max(largestToken, tokens[from + i]);
      int parent = parents[from + i];
      depths[i] = parent < 0 ? 0 : depths[parent] + 1;
      deepest = Math.max(deepest, depths[i]);
    }
    largestPosition = (long) committed + deepest;
    sampling = samplingNext;
  }

  /** Refuses a matrix that has not as many rows. */
  void requireRows(Matrix matrix) {
    requireShape("rows of the batch", matrix.rows(), rows);
  }

  /** Refuses a vocabulary of {@code count} tokens that has not all of the rows' tokens. */
  void requireTokens(long count) {
    if (largestToken >= count) {
      throw new IllegalArgumentException(
          "token %d of a vocabulary of %d".formatted(largestToken, count));
    }
  }

  /** Refuses a table of {@code count} positions that has not all of the rows' positions. */
  void requirePositions(long count) {
    if (largestPosition >= count) {
      throw new IllegalArgumentException(
          "position %d of a table of %d".formatted(largestPosition, count));
    }
  }

  /** Refuses rows for which {@link #sampling} was not called. */
  void requireSampling() {
    if (!sampling) {
      throw new IllegalStateException("the rows have no sampling: call sampling() before set()");
    }
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
