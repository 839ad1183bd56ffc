package dev.jangle.backend;

import static dev.jangle.backend.Shapes.requireShape;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The rows of one forward pass: tokens, and where each stands. Rows of one sequence form a tree by
 * their parents; see {@code jg_batch_set} in {@code jangle.h}. Sequences share a pass, not what
 * they compute: a row's result is the same whatever rows of others are beside it. One thread at a
 * time.
 */
public final class Batch extends Operand implements AutoCloseable {
  static final int MAX_TREE = 128; // JG_MAX_TREE

  private final Backend backend;
  private final Kernels kernels;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment handle;
  private final MemorySegment staging;
  private final int maxRows;
  private final int maxSequences;
  private final int maxPages;
  private final int[] depths;
  private int rows;
  private int sequences;
  private int longestSequence;
  private int largestToken;
  private long largestPosition;
  private int largestPage;
  private boolean samplingNext;
  private boolean sampling;
  private boolean closed;

  /**
   * The rows of one sequence.
   *
   * @param tokens ids; the first {@code count} are used
   * @param parents the row of the same sequence that each one follows, -1 for the last committed
   *     position
   * @param committed positions that the cache holds already
   * @param pages the sequence's page table; every slot used must have its page
   */
  @SuppressWarnings("ArrayRecordComponent") // the caller's buffers, read by set
  public record Rows(int[] tokens, int[] parents, int count, int committed, int[] pages) {}

  Batch(Backend backend, Kernels kernels, int maxRows, int maxSequences, int maxPages) {
    this.backend = backend;
    this.kernels = kernels;
    this.maxRows = maxRows;
    this.maxSequences = maxSequences;
    this.maxPages = maxPages;
    MemorySegment out = arena.allocate(ADDRESS);
    backend.check(
        backend.bindings.batches.batchCreate(
            backend.context(), maxRows, maxSequences, maxPages, out));
    handle = out.get(ADDRESS, 0);
    depths = new int[maxRows];
    // Tokens, sequences and parents of the rows, page tables and committed positions of the
    // sequences.
    staging = arena.allocate(JAVA_INT, 3L * maxRows + (1L + maxPages) * maxSequences);
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
   * How {@link Kernels#sample} draws for every sequence, from the next {@link #set} on; see {@code
   * jg_batch_sampling}.
   *
   * @param temperature more than 0
   * @param topK how many of the likeliest to keep, 0 for all
   * @param topP the share of the probability to keep, 1 for all
   * @param minP the least probability to keep, as a share of the largest
   */
  public void sampling(float temperature, int topK, float topP, float minP, long seed) {
    MemorySegment batch = handle();
    for (int sequence = 0; sequence < maxSequences; sequence++) {
      backend.check(
          backend.bindings.batches.batchSampling(
              batch, sequence, temperature, topK, topP, minP, seed));
    }
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
   * @param paddedRows {@code count}, or more, but then at most 128
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
    Largest staged = stage(0, 0, tokens, parents, from, count, committed, pages);
    send(batch, count, paddedRows, 1, staged);
  }

  /**
   * Sets the rows of several sequences, one after the other.
   *
   * @param sequences with different caches, all of one pool
   */
  public void set(List<Rows> sequences) {
    MemorySegment batch = handle();
    if (sequences.isEmpty() || sequences.size() > maxSequences) {
      throw new IllegalArgumentException(
          sequences.size() + " sequences; the batch holds 1 to " + maxSequences);
    }
    int row = 0;
    Largest staged = new Largest(0, 0, 0, 0);
    for (int i = 0; i < sequences.size(); i++) {
      Rows its = sequences.get(i);
      staged =
          staged.and(
              stage(
                  i,
                  row,
                  its.tokens(),
                  its.parents(),
                  0,
                  its.count(),
                  its.committed(),
                  its.pages()));
      row += its.count();
    }
    send(batch, row, row, sequences.size(), staged);
  }

  /** The most rows of a sequence, and the largest token, position and page that rows use. */
  private record Largest(int rows, int token, long position, int page) {
    Largest and(Largest other) {
      return new Largest(
          Math.max(rows, other.rows),
          Math.max(token, other.token),
          Math.max(position, other.position),
          Math.max(page, other.page));
    }
  }

  /** Checks one sequence and writes its rows from {@code row} on. */
  private Largest stage(
      int sequence,
      int row,
      int[] tokens,
      int[] parents,
      int from,
      int count,
      int committed,
      int[] pages) {
    if (count < 1 || count > maxRows - row) {
      throw new IllegalArgumentException(
          "%d rows after %d of other sequences; the batch holds 1 to %d"
              .formatted(count, row, maxRows));
    }
    long lastPage = ((long) committed + count - 1) / KvLayer.PAGE;
    if (lastPage >= pages.length || pages.length > maxPages) {
      throw new IllegalArgumentException(
          "page %d of a table of %d, in a batch of %d".formatted(lastPage, pages.length, maxPages));
    }
    int largestOfTable = 0;
    for (int i = 0; i <= lastPage; i++) {
      if (pages[i] < 0) {
        throw new IllegalArgumentException("page table: entry %d is %d".formatted(i, pages[i]));
      }
      largestOfTable = Math.max(largestOfTable, pages[i]);
    }
    MemorySegment.copy(tokens, from, column(0), JAVA_INT, 4L * row, count);
    MemorySegment sequenceRows = column(1);
    MemorySegment parentRows = column(2);
    int largestOfTokens = 0;
    int deepest = 0;
    for (int i = 0; i < count; i++) {
      int parent = parents[from + i];
      sequenceRows.setAtIndex(JAVA_INT, row + i, sequence);
      parentRows.setAtIndex(JAVA_INT, row + i, parent < 0 ? parent : parent + row);
      largestOfTokens = Math.max(largestOfTokens, tokens[from + i]);
      // A parent that does not come before its row is refused when the rows are sent.
      depths[i] = parent < 0 || parent >= i ? 0 : depths[parent] + 1;
      deepest = Math.max(deepest, depths[i]);
    }
    MemorySegment.copy(pages, 0, tables(), JAVA_INT, 4L * sequence * maxPages, pages.length);
    committed().setAtIndex(JAVA_INT, sequence, committed);
    return new Largest(count, largestOfTokens, (long) committed + deepest, largestOfTable);
  }

  private void send(MemorySegment batch, int count, int paddedRows, int sequences, Largest staged) {
    backend.check(
        backend.bindings.batches.batchSetPadded(
            kernels.stream(),
            batch,
            count,
            paddedRows,
            column(0),
            column(1),
            column(2),
            sequences,
            committed(),
            tables()));
    rows = paddedRows;
    this.sequences = sequences;
    longestSequence = staged.rows;
    largestToken = staged.token;
    largestPosition = staged.position;
    largestPage = staged.page;
    sampling = samplingNext;
  }

  /** Refuses a matrix that has not as many rows. */
  void requireRows(Matrix matrix) {
    requireShape("rows of the batch", matrix.rows(), rows);
  }

  /** How many sequences the rows belong to. */
  int sequences() {
    return sequences;
  }

  /** Refuses a sequence that has more rows than a tree may have. */
  void requireTrees() {
    if (longestSequence > MAX_TREE) {
      throw new IllegalArgumentException(
          "a sequence of %d rows; a tree has at most %d".formatted(longestSequence, MAX_TREE));
    }
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

  /** Tokens, sequences or parents of the rows. */
  private MemorySegment column(int number) {
    return staging.asSlice(4L * number * maxRows, 4L * maxRows);
  }

  private MemorySegment tables() {
    return staging.asSlice(12L * maxRows, 4L * maxSequences * maxPages);
  }

  private MemorySegment committed() {
    return staging.asSlice(12L * maxRows + 4L * maxSequences * maxPages, 4L * maxSequences);
  }

  /** Refuses a layer that has not all pages of the rows' table. */
  void requirePages(KvLayer layer) {
    if (largestPage >= layer.pages()) {
      throw new IllegalArgumentException(
          "page table: page %d of a cache of %d pages".formatted(largestPage, layer.pages()));
    }
  }

  /** For a call of the kernels that made it: only in their order are its rows those set last. */
  MemorySegment handle(Kernels user) {
    user.use(this);
    return handle;
  }

  private MemorySegment handle() {
    requireOpen();
    return handle;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the batch is closed");
    }
  }

  @Override
  void requireUsable(Kernels user) {
    if (kernels != user) {
      throw new IllegalArgumentException("the batch is of other kernels: use those that made it");
    }
    requireOpen();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      backend.check(backend.bindings.batches.batchDestroy(handle));
      arena.close();
    }
  }
}
