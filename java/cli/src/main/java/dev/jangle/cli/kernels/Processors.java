package dev.jangle.cli.kernels;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * What the processors can do together, by plain loops that the JIT compiler turns into vector code:
 * a ceiling that owes nothing to our kernels.
 */
final class Processors {
  private static final int LEAST_ROUNDS = 9;

  /** In the first cache of any processor. */
  private static final int FLOATS = 4096;

  private static final int FMA_REPEATS = 2000;
  private static final int CHAIN = 8;

  /** A round reads so much, the next what lies behind it: long enough to start threads for. */
  private static final long SLICE_BYTES = 32 << 20;

  private static final int LINE = 64;
  private static final int STREAMS = 4;

  private Processors() {}

  /**
   * Bytes per second that so many threads read from the memory, each its own part: the best of many
   * short rounds, since another process can only make it less.
   *
   * @param memory several times as large as the caches, and written before: the system has no pages
   *     for what never was
   */
  static double readBytesPerSecond(MemorySegment memory, int threads, double seconds) {
    long slice = Math.min(SLICE_BYTES, memory.byteSize());
    long slices = memory.byteSize() / slice;
    long part = slice / threads / (STREAMS * LINE) * (STREAMS * LINE);
    return part
        * threads
        / bestSeconds(
            threads,
            seconds,
            (thread, round) -> read(memory, round % slices * slice + thread * part, part));
  }

  /**
   * One load of each cache line, in four runs side by side: a processor fetches ahead for each of
   * them, and so has more on the way than for one (2 cores of Zen 3, shared machine, 2026-11-24: 12
   * GB/s with one run, 20 with four).
   */
  private static double read(MemorySegment memory, long from, long bytes) {
    long run = bytes / STREAMS;
    long a = 0;
    long b = 0;
    long c = 0;
    long d = 0;
    for (long at = from; at < from + run; at += LINE) {
      a += memory.get(JAVA_LONG_UNALIGNED, at);
      b += memory.get(JAVA_LONG_UNALIGNED, at + run);
      c += memory.get(JAVA_LONG_UNALIGNED, at + 2 * run);
      d += memory.get(JAVA_LONG_UNALIGNED, at + 3 * run);
    }
    return a + b + c + d;
  }

  /**
   * Multiplications and additions per second of float32 in so many threads, from the first cache.
   */
  static double flopsPerSecond(int threads, double seconds) {
    double best =
        bestSeconds(
            threads,
            seconds,
            (thread, round) -> {
              float[] values = new float[FLOATS];
              Arrays.fill(values, thread);
              for (int i = 0; i < FMA_REPEATS; i++) {
                fma(values);
              }
              return values[0];
            });
    return 2.0 * CHAIN * FLOATS * FMA_REPEATS * threads / best;
  }

  /** Eight products, each added to the last, of every value: enough to hide loads and stores. */
  private static void fma(float[] values) {
    for (int i = 0; i < values.length; i++) {
      float v = values[i];
      v = Math.fma(v, 0.999f, 0.001f);
      v = Math.fma(v, 0.999f, 0.001f);
      v = Math.fma(v, 0.999f, 0.001f);
      v = Math.fma(v, 0.999f, 0.001f);
      v = Math.fma(v, 0.999f, 0.001f);
      v = Math.fma(v, 0.999f, 0.001f);
      v = Math.fma(v, 0.999f, 0.001f);
      v = Math.fma(v, 0.999f, 0.001f);
      values[i] = v;
    }
  }

  /** One thread's work, which returns what keeps the compiler from leaving it out. */
  private interface Part {
    double run(int thread, int round);
  }

  private static double bestSeconds(int threads, double seconds, Part part) {
    double best = Double.POSITIVE_INFINITY;
    double kept = 0;
    try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
      long begin = System.nanoTime();
      long start = begin;
      for (int round = 0; round < LEAST_ROUNDS || start - begin < seconds * 1e9; round++) {
        List<Callable<Double>> parts = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
          int thread = i;
          int turn = round;
          parts.add(() -> part.run(thread, turn));
        }
        start = System.nanoTime();
        var results = executor.invokeAll(parts);
        best = Math.min(best, (System.nanoTime() - start) * 1e-9);
        for (var result : results) {
          kept += result.get();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("a loop failed", e);
    }
    return Double.isNaN(kept) ? Double.NaN : best;
  }
}
