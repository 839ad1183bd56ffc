package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.fail;

import dev.jangle.backend.reference.DequantizeReference;
import dev.jangle.format.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class EmbedTest {
  private static final int[] VOCABULARIES = {1, 7, 16, 17, 100};

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void rowsAreTheTokensWeights(Machine machine) {
    try (Device device = new Device(machine)) {
      for (DType dtype : DType.values()) {
        for (int n : VOCABULARIES) {
          check(device, dtype, n, 96);
          if (!dtype.quantized()) {
            check(device, dtype, n, 1);
            check(device, dtype, n, 37);
          }
        }
      }
    }
  }

  private static void check(Device device, DType dtype, int n, int k) {
    byte[] file = TestData.encode(dtype, TestData.normals(n + k, n, k));
    double[][] weight = DequantizeReference.exact(dtype, file, n, k);
    int[] tokens = TestData.tokens(k, 9, n);
    float[][] expected = new float[tokens.length][k];
    for (int i = 0; i < tokens.length; i++) {
      for (int j = 0; j < k; j++) {
        // One rounding at most: a product of a half and 8 bits is exact.
        expected[i][j] = (float) weight[tokens[i]][j];
      }
    }
    Batch batch = device.batch(tokens, Tree.random(n, tokens.length, 0), new int[] {0});
    Matrix out = device.output(tokens.length, k);
    device.kernels.embed(batch, device.weight(dtype, n, k, file), out);
    TestData.assertBits(expected, device.read(out), dtype + " " + n + " x " + k);
  }

  /** All 65,536 values of 16 bits: subnormal numbers, infinities and NaN are kept, too. */
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void everyValueOf16BitsIsExact(Machine machine) {
    int n = 1024;
    int k = 64;
    ByteBuffer file = ByteBuffer.allocate(2 * n * k).order(ByteOrder.LITTLE_ENDIAN);
    for (int value = 0; value < n * k; value++) {
      file.putShort((short) value);
    }
    Tree tree = Tree.chain(n, 0);
    try (Device device = new Device(machine)) {
      for (DType dtype : new DType[] {DType.F16, DType.BF16}) {
        double[][] weight = DequantizeReference.exact(dtype, file.array(), n, k);
        Batch batch = device.batch(IntStream.range(0, n).toArray(), tree, new int[tree.pages()]);
        Matrix out = device.output(n, k);
        device.kernels.embed(batch, device.weight(dtype, n, k, file.array()), out);
        float[][] found = device.read(out);
        for (int i = 0; i < n; i++) {
          for (int j = 0; j < k; j++) {
            float expected = (float) weight[i][j];
            boolean same =
                Float.isNaN(expected)
                    ? Float.isNaN(found[i][j])
                    : Float.floatToRawIntBits(expected) == Float.floatToRawIntBits(found[i][j]);
            if (!same) {
              fail("%s %04x: %s, expected %s".formatted(dtype, i * k + j, found[i][j], expected));
            }
          }
        }
      }
    }
  }
}
