package dev.jangle.model;

import dev.jangle.backend.Backend;
import dev.jangle.backend.Batch;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import dev.jangle.format.ModelConfig;
import java.util.ArrayDeque;

/**
 * What a session's forward pass works in: a stream, the batch, and activations for up to {@link
 * #MAX_ROWS} rows. Taken once; a pass allocates nothing. One thread at a time.
 */
public final class Workspace implements AutoCloseable {
  /** Rows of a prefill pass: enough for the matrix products to run at their best. */
  public static final int MAX_ROWS = 256;

  /** Rows that get logits in one pass: a full tree. */
  public static final int MAX_LOGITS = 128;

  final Matrix hidden;
  final Matrix qkv;
  final Matrix attention;
  final Matrix gateUp;
  final Matrix logits;
  final DeviceBuffer scratch;
  private final Kernels kernels;
  private final Batch batch;
  private final ArrayDeque<AutoCloseable> taken = new ArrayDeque<>();

  Workspace(
      Backend backend, ModelConfig config, Transformer transformer, int sequences, int maxPages) {
    boolean whole = false;
    try {
      kernels = keep(backend.newKernels());
      batch = keep(kernels.newBatch(MAX_ROWS, sequences, maxPages));
      int hiddenSize = config.hiddenSize();
      long queries = (long) config.heads() * config.headDim();
      long keys = (long) config.kvHeads() * config.headDim();
      hidden = matrix(backend, MAX_ROWS, hiddenSize);
      qkv = matrix(backend, MAX_ROWS, queries + 2 * keys);
      attention = matrix(backend, MAX_ROWS, queries);
      gateUp = matrix(backend, MAX_ROWS, 2L * config.intermediateSize());
      logits = matrix(backend, MAX_LOGITS, config.vocabSize());
      long bytes = transformer.scratchBytes(kernels);
      scratch = bytes == 0 ? null : keep(backend.allocate(bytes));
      whole = true;
    } finally {
      if (!whole) {
        close();
      }
    }
  }

  /** The stream that the passes run on. */
  public Kernels kernels() {
    return kernels;
  }

  /** The batch, to be set before a pass. */
  public Batch batch() {
    return batch;
  }

  private Matrix matrix(Backend backend, long rows, long cols) {
    return Matrix.of(keep(backend.allocate(rows * cols * Float.BYTES)), rows, cols);
  }

  private <T extends AutoCloseable> T keep(T resource) {
    taken.push(resource);
    return resource;
  }

  @Override
  public void close() {
    while (!taken.isEmpty()) {
      try {
        taken.pop().close();
      } catch (RuntimeException e) {
        throw e; // of a lost device, whose text says so
      } catch (Exception e) {
        throw new IllegalStateException("cannot give back the memory of a session", e);
      }
    }
  }
}
