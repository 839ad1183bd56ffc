package dev.jangle.format;

import java.util.Arrays;

/**
 * Rounds the rows of {@code W + B A} to 4 bits so that the product with an input keeps what the
 * low-rank change {@code B A} adds.
 *
 * <p>Where W comes from the same 4 bits and the change is smaller than half a step, rounding to the
 * nearest undoes it: every element falls back to where it was. The sum of squared errors, {@code e
 * e^T} for the error e of a row, is indeed smallest so; but all of e then lies in the few
 * directions that A reads, those in which training found its inputs. So the error is weighed by
 * inputs half of whose energy lies evenly in the row space of A and half evenly in all directions:
 * {@code e H e^T} with {@code H = I + weight U^T U}, the rows of U an orthonormal basis of A's
 * rows, {@code weight = columns / rank(A)}.
 *
 * <p>The elements of a row are rounded from left to right, each after the best correction for the
 * errors of those before it when those after it are still free: the method of GPTQ (arXiv
 * 2210.17323) for this H. The correction of element j is {@code -c_j . g}, where {@code g = sum
 * over i < j of u_i e_i} (u_i is column i of U), {@code c_j = weight (I + weight sum over i >= j of
 * u_i u_i^T)^-1 u_j}. The c_j are the same for all rows. Immutable and thread-safe.
 */
final class LowRankRounding {
  /** Rows of A that depend on others but for this part of their length do not count. */
  private static final double INDEPENDENT = 1e-6;

  /** Elements of a u_j or c_j: the rank, and zeros up to a multiple of 4. */
  private final int stride;

  /** u_j for each column j, one after the other; c_j the same. */
  private final float[] basis;

  private final float[] corrections;

  /**
   * @param a matrix A, [rows][cols]
   */
  LowRankRounding(float[] a, int rows, int cols) {
    double[][] u = orthonormal(a, rows, cols);
    int rank = u.length;
    stride = (rank + 3) / 4 * 4;
    basis = new float[cols * stride];
    corrections = new float[cols * stride];
    double weight = (double) cols / Math.max(rank, 1);
    // The inverse, from the last column to the first, each adding its u u^T (Sherman-Morrison).
    double[][] inverse = new double[rank][rank];
    for (int k = 0; k < rank; k++) {
      inverse[k][k] = 1;
    }
    double[] column = new double[rank];
    double[] product = new double[rank];
    for (int j = cols - 1; j >= 0; j--) {
      double dot = 0;
      for (int k = 0; k < rank; k++) {
        column[k] = u[k][j];
      }
      for (int k = 0; k < rank; k++) {
        product[k] = dot(inverse[k], column);
        dot += product[k] * column[k];
      }
      double divisor = 1 + weight * dot;
      for (int k = 0; k < rank; k++) {
        for (int l = 0; l < rank; l++) {
          inverse[k][l] -= weight * product[k] * product[l] / divisor;
        }
        basis[j * stride + k] = (float) column[k];
        // (M - w (M u)(M u)^T / divisor) u = M u / divisor
        corrections[j * stride + k] = (float) (weight * product[k] / divisor);
      }
    }
  }

  /** Gram-Schmidt, twice over for accuracy; dependent rows are left out. */
  private static double[][] orthonormal(float[] a, int rows, int cols) {
    double[][] u = new double[rows][];
    int rank = 0;
    for (int row = 0; row < rows; row++) {
      double[] v = new double[cols];
      for (int j = 0; j < cols; j++) {
        v[j] = a[row * cols + j];
      }
      double length = Math.sqrt(dot(v, v));
      for (int pass = 0; pass < 2; pass++) {
        for (int k = 0; k < rank; k++) {
          double part = dot(u[k], v);
          for (int j = 0; j < cols; j++) {
            v[j] -= part * u[k][j];
          }
        }
      }
      double rest = Math.sqrt(dot(v, v));
      if (rest > INDEPENDENT * length) {
        for (int j = 0; j < cols; j++) {
          v[j] /= rest;
        }
        u[rank++] = v;
      }
    }
    return Arrays.copyOf(u, rank);
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  /**
   * Rounds all elements of some rows to the grids that they have. The rows do not depend on each
   * other, but an element waits for the one before: some rows at once keep a processor busy.
   */
  void round(float[][] values, FourBitRow[] rows) {
    float[][] g = new float[rows.length][stride];
    for (int j = 0; j < values[0].length; j++) {
      int at = j * stride;
      for (int row = 0; row < rows.length; row++) {
        float value = values[row][j];
        rows[row].round(j, value - dot(corrections, at, g[row]));
        add(rows[row].value(j) - value, basis, at, g[row]);
      }
    }
  }

  private static void add(float factor, float[] a, int at, float[] g) {
    for (int k = 0; k < g.length; k++) {
      g[k] += factor * a[at + k];
    }
  }

  /** Four sums at a time, so that one addition need not wait for the one before. */
  private static float dot(float[] a, int at, float[] g) {
    float sum0 = 0;
    float sum1 = 0;
    float sum2 = 0;
    float sum3 = 0;
    for (int k = 0; k < g.length; k += 4) {
      sum0 += a[at + k] * g[k];
      sum1 += a[at + k + 1] * g[k + 1];
      sum2 += a[at + k + 2] * g[k + 2];
      sum3 += a[at + k + 3] * g[k + 3];
    }
    return sum0 + sum1 + (sum2 + sum3);
  }
}
