package dev.jangle.decode;

import dev.jangle.backend.Backend;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.HostBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.cache.KvCache;
import dev.jangle.model.NanLogitsException;
import dev.jangle.model.Workspace;

/**
 * Chooses the token after each row of logits: the largest (lowest id on a tie), or the seeded draw.
 * The draw depends on the seed, the row's position and the token ids only, so it is the same
 * whether the row was verified in a tree or decoded alone. Belongs to one session.
 *
 * <p>What was chosen lies in one buffer, so that it comes to the host in one copy: for all rows the
 * ids, unless they are the first of the likeliest; the ids of the likeliest; their logits.
 */
final class Chooser implements AutoCloseable {
  /** The most likeliest tokens per row that a planner may ask for. */
  static final int MOST_TOP = 16;

  private static final int ROWS = Workspace.MAX_LOGITS;

  final int[] next = new int[ROWS];
  final int[] topIds = new int[ROWS * MOST_TOP];
  final float[] topValues = new float[ROWS * MOST_TOP];
  private final Workspace work;
  private final DeviceBuffer chosen;
  private final HostBuffer host;
  private final DeviceBuffer scratch;

  /**
   * How tokens are chosen.
   *
   * @param sampled drawn, not the largest
   * @param topK how many of the likeliest tokens are wanted, too
   */
  record Choice(boolean sampled, int topK) {
    /** Integers per row before those of the likeliest. */
    int ids() {
      return sampled || topK == 0 ? 1 : 0;
    }

    /** How far apart the rows' ids are. */
    int stride() {
      return ids() == 1 ? 1 : topK;
    }

    /** Integers and floats per row. */
    int width() {
      return ids() + 2 * topK;
    }
  }

  Chooser(Backend backend, Workspace work, int vocab) {
    this.work = work;
    long bytes = (long) ROWS * new Choice(true, MOST_TOP).width() * Integer.BYTES;
    boolean whole = false;
    try {
      chosen = backend.allocate(bytes);
      host = backend.allocateHost(bytes);
      long scratchBytes = work.kernels().sampleScratchBytes(ROWS, vocab);
      scratch = scratchBytes == 0 ? null : backend.allocate(scratchBytes);
      whole = true;
    } finally {
      if (!whole) {
        close();
      }
    }
  }

  /**
   * Chooses after each row of logits. Can be recorded, as can {@link #accept} and {@link
   * #download}.
   *
   * @param firstRow the batch's row that the first row of logits belongs to
   */
  void choose(Matrix logits, int firstRow, Choice choice) {
    Kernels kernels = work.kernels();
    long rows = logits.rows();
    if (choice.sampled) {
      kernels.sample(work.batch(), firstRow, logits, chosen, scratch);
    } else if (choice.topK == 0) {
      kernels.argmax(logits, chosen);
    }
    if (choice.topK > 0) {
      long ids = rows * choice.ids();
      kernels.topk(logits, choice.topK, chosen, ids, chosen, ids + rows * choice.topK);
    }
  }

  /** Moves the rows that the choices lead to in the cache. The logits were those of all rows. */
  void accept(KvCache cache, Choice choice) {
    cache.accept(work.batch(), chosen, 0, choice.stride());
  }

  /** Brings what was chosen after so many rows to the host. */
  void download(long rows, Choice choice) {
    work.kernels().download(chosen, host, rows * choice.width() * Integer.BYTES);
  }

  /**
   * Waits, and fills {@link #next}, and {@link #topIds} and {@link #topValues} where they are
   * wanted.
   *
   * @param rows the first of them are read
   * @param downloaded rows of the download
   * @throws NanLogitsException where a logit is not a number
   */
  void read(int rows, int downloaded, Choice choice) {
    work.kernels().synchronize();
    int topK = choice.topK;
    long ids = (long) downloaded * choice.ids();
    host.get(ids, topIds, rows * topK);
    host.get(ids + (long) downloaded * topK, topValues, rows * topK);
    if (ids > 0) {
      host.get(0, next, rows);
    }
    for (int row = 0; row < rows; row++) {
      if (ids == 0) {
        next[row] = topIds[row * topK];
      }
      if (next[row] < 0) {
        throw new NanLogitsException(
            "the model's logits are not numbers (NaN): its weights are damaged, or overflow in"
                + " this format; check the file, or try another format of the model");
      }
    }
  }

  @Override
  public void close() {
    if (chosen != null) {
      chosen.close();
    }
    if (host != null) {
      host.close();
    }
    if (scratch != null) {
      scratch.close();
    }
  }
}
