package dev.jangle.decode;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.jangle.GenerationOptions;
import dev.jangle.backend.Backend;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.model.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Chooses the token after each row of logits: the largest (lowest id on a tie), or the seeded draw.
 * The draw depends on the seed, the row's position and the token ids only, so it is the same
 * whether the row was verified in a tree or decoded alone. Belongs to one session.
 */
public final class Chooser implements AutoCloseable {
  /** The most likeliest tokens per row that a planner may ask for. */
  static final int MOST_TOP = 16;

  private static final int ROWS = Workspace.MAX_LOGITS;

  final int[] next = new int[ROWS];
  final int[] topIds = new int[ROWS * MOST_TOP];
  final float[] topValues = new float[ROWS * MOST_TOP];
  private final Workspace work;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment hostIds = arena.allocate(JAVA_INT, (long) ROWS * MOST_TOP);
  private final MemorySegment hostValues = arena.allocate(JAVA_FLOAT, (long) ROWS * MOST_TOP);
  private final DeviceBuffer ids;
  private final DeviceBuffer values;
  private final DeviceBuffer scratch;

  public Chooser(Backend backend, Workspace work, int vocab) {
    this.work = work;
    ids = backend.allocate(hostIds.byteSize());
    values = backend.allocate(hostValues.byteSize());
    long bytes = work.kernels().sampleScratchBytes(ROWS, vocab);
    scratch = bytes == 0 ? null : backend.allocate(bytes);
  }

  /**
   * Fills {@link #next}, and {@link #topIds} and {@link #topValues} where {@code topK > 0}.
   *
   * @param firstRow the batch's row that the first row of logits belongs to
   * @throws ArithmeticException where a logit is not a number
   */
  void choose(Matrix logits, int firstRow, int topK, GenerationOptions options) {
    Kernels kernels = work.kernels();
    int rows = (int) logits.rows();
    if (topK > 0) {
      kernels.topk(logits, topK, ids, values);
      kernels.download(ids, hostIds.asSlice(0, (long) rows * topK * Integer.BYTES));
      kernels.download(values, hostValues.asSlice(0, (long) rows * topK * Float.BYTES));
      MemorySegment.copy(hostIds, JAVA_INT, 0, topIds, 0, rows * topK);
      MemorySegment.copy(hostValues, JAVA_FLOAT, 0, topValues, 0, rows * topK);
    }
    if (options.temperature() == 0 && topK > 0) {
      for (int row = 0; row < rows; row++) {
        next[row] = topIds[row * topK];
      }
    } else {
      if (options.temperature() == 0) {
        kernels.argmax(logits, ids);
      } else {
        sample(logits, firstRow, options);
      }
      kernels.download(ids, hostIds.asSlice(0, (long) rows * Integer.BYTES));
      MemorySegment.copy(hostIds, JAVA_INT, 0, next, 0, rows);
    }
    for (int row = 0; row < rows; row++) {
      if (next[row] < 0) {
        throw new ArithmeticException(
            "the model's logits are not numbers (NaN): its weights are damaged, or overflow in"
                + " this format; check the file, or try another format of the model");
      }
    }
  }

  private void sample(Matrix logits, int firstRow, GenerationOptions options) {
    work.kernels()
        .sample(
            work.batch(),
            firstRow,
            logits,
            (float) options.temperature(),
            options.topK(),
            (float) options.topP(),
            (float) options.minP(),
            options.seed(),
            ids,
            scratch);
  }

  @Override
  public void close() {
    ids.close();
    values.close();
    if (scratch != null) {
      scratch.close();
    }
    arena.close();
  }
}
