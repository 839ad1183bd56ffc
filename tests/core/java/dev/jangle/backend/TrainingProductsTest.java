package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.format.DType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Products and attention of training, with rows that lie apart. */
class TrainingProductsTest {
  private static final int[] START = {0, 0, 2, 2, 2, 2, 6};

  /** Of rows 4 and 5, which do not attend row 3, and rows 3 and 4. */
  private static final int[] GAPS = {0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 3, 5, 0, 0};

  private static final int HEADS = 4;
  private static final int KV_HEADS = 2;
  private static final int HEAD_DIM = 3;
  private static final float SCALE = 0.6f;

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void gemmIsExactOnWholeNumbers(Machine machine) {
    try (Device device = new Device(machine)) {
      TrainingProducts products = device.kernels.trainingProducts(DType.F32);
      int m = 13;
      int n = 37;
      int k = 50;
      for (int form = 0; form < 8; form++) {
        boolean transposeA = (form & 1) != 0;
        boolean transposeB = (form & 2) != 0;
        boolean accumulate = (form & 4) != 0;
        float[][] a = TestData.integers(form, transposeA ? k : m, transposeA ? m : k, 9);
        float[][] b = TestData.integers(form + 8, transposeB ? n : k, transposeB ? k : n, 9);
        float[][] before = TestData.integers(form + 16, m, n, 9);
        double[][] expected = new double[m][n];
        for (int i = 0; i < m; i++) {
          for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int p = 0; p < k; p++) {
              sum += (transposeA ? a[p][i] : a[i][p]) * (transposeB ? b[j][p] : b[p][j]);
            }
            expected[i][j] = 2 * sum + (accumulate ? before[i][j] : 0);
          }
        }
        Matrix c = accumulate ? device.input(before) : device.output(m, n);
        DeviceBuffer scratch = device.ones(products.gemmScratchBytes(m, n, k));
        products.gemm(
            2, transposeA, device.input(a), transposeB, device.input(b), accumulate, c, scratch);
        TestData.assertValues(expected, device.read(c), "form " + form);
      }
    }
  }

  /** So who multiplies fewer rows now and then asks once, for the most. */
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void smallerProductsNeedNoMoreScratch(Machine machine) {
    try (Device device = new Device(machine)) {
      TrainingProducts products = device.kernels.trainingProducts(DType.F32);
      long[] sizes = {1, 12, 33, 128, 576, 2000, 49_152};
      for (long m : sizes) {
        for (long n : sizes) {
          for (long k : sizes) {
            long most = products.gemmScratchBytes(m, n, k);
            for (long less : new long[] {1, 2, 11, 31, 100}) {
              String product = m + " x " + n + " by " + k + ", less " + less;
              long fewerM = products.gemmScratchBytes(Math.max(1, m - less), n, k);
              long fewerN = products.gemmScratchBytes(m, Math.max(1, n - less), k);
              long fewerK = products.gemmScratchBytes(m, n, Math.max(1, k - less));
              assertTrue(Math.max(fewerM, Math.max(fewerN, fewerK)) <= most, product);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void attentionAndItsGradientsAreThoseOfFloat64(Machine machine) {
    try (Device device = new Device(machine)) {
      TrainingProducts products = device.kernels.trainingProducts(DType.F32);
      int rows = START.length;
      float[][] q = TestData.normals(1, rows, HEADS * HEAD_DIM);
      float[][] k = TestData.normals(2, rows, KV_HEADS * HEAD_DIM);
      float[][] v = TestData.normals(3, rows, KV_HEADS * HEAD_DIM);
      float[][] dout = TestData.normals(4, rows, HEADS * HEAD_DIM);
      DeviceBuffer start = Training.ints(device, START);
      DeviceBuffer gaps = Training.ints(device, GAPS);
      Matrix qs = device.input(q);
      Matrix ks = device.input(k);
      Matrix vs = device.input(v);
      Matrix out = device.output(rows, HEADS * HEAD_DIM);
      Matrix lse = Matrix.of(device.ones(4L * rows * HEADS), rows, HEADS);
      DeviceBuffer scratch =
          device.ones(
              Math.max(
                  products.attentionForwardScratchBytes(rows, HEADS, KV_HEADS, HEAD_DIM),
                  products.attentionBackwardScratchBytes(rows, HEADS, KV_HEADS, HEAD_DIM)));
      products.attentionForward(start, gaps, HEAD_DIM, SCALE, qs, ks, vs, out, lse, scratch);
      near(attention(Training.widen(q), Training.widen(k), Training.widen(v)), device.read(out));

      Matrix dq = device.output(rows, HEADS * HEAD_DIM);
      Matrix dk = device.output(rows, KV_HEADS * HEAD_DIM);
      Matrix dv = device.output(rows, KV_HEADS * HEAD_DIM);
      products.attentionBackward(
          start,
          gaps,
          HEAD_DIM,
          SCALE,
          qs,
          ks,
          vs,
          out,
          lse,
          device.input(dout),
          dq,
          dk,
          dv,
          scratch);
      double[][] x = Training.widen(q);
      double[][] y = Training.widen(k);
      double[][] z = Training.widen(v);
      near(Training.differences(x, at -> Training.dot(attention(at, y, z), dout)), device.read(dq));
      near(Training.differences(y, at -> Training.dot(attention(x, at, z), dout)), device.read(dk));
      near(Training.differences(z, at -> Training.dot(attention(x, y, at), dout)), device.read(dv));
    }
  }

  private static void near(double[][] expected, float[][] found) {
    double error = TestData.largestError(expected, found);
    assertTrue(error < 3e-6, "error " + error);
  }

  private static double[][] attention(double[][] q, double[][] k, double[][] v) {
    double[][] out = new double[q.length][q[0].length];
    for (int i = 0; i < q.length; i++) {
      for (int head = 0; head < HEADS; head++) {
        int own = head * HEAD_DIM;
        int shared = head / (HEADS / KV_HEADS) * HEAD_DIM;
        double sum = 0;
        double[] weights = new double[i + 1];
        for (int j = START[i]; j <= i; j++) {
          double score = 0;
          for (int d = 0; d < HEAD_DIM; d++) {
            score += q[i][own + d] * k[j][shared + d];
          }
          boolean seen = j < GAPS[2 * i] || j >= GAPS[2 * i + 1];
          weights[j] = seen ? Math.exp(SCALE * score) : 0;
          sum += weights[j];
        }
        for (int j = START[i]; j <= i; j++) {
          for (int d = 0; d < HEAD_DIM; d++) {
            out[i][own + d] += weights[j] / sum * v[j][shared + d];
          }
        }
      }
    }
    return out;
  }
}
