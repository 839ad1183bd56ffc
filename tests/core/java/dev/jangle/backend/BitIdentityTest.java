package dev.jangle.backend;

import dev.jangle.format.DType;
import java.util.Arrays;
import java.util.function.Function;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The promise: a row among M has the bits of that row alone, on one thread, for every operation.
 * Attention has {@link AttentionIdentityTest}.
 */
class BitIdentityTest {
  static final int[] ROWS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 31, 33, 64, 100, 127, 128};
  private static final int ALL = 128;
  private static final int N = 131;
  private static final int K = 288;

  /** An operation on rows {@code [first, first + count)} of its data. */
  @FunctionalInterface
  private interface Rows {
    float[][] run(int first, int count);
  }

  private static void check(Tier tier, String what, Function<Device, Rows> operation) {
    float[][] alone = new float[ALL][];
    try (Device device = new Device(new Machine(tier, 1))) {
      Rows rows = operation.apply(device);
      for (int i = 0; i < ALL; i++) {
        alone[i] = rows.run(i, 1)[0];
      }
    }
    for (int threads = 1; threads <= 3; threads++) {
      try (Device device = new Device(new Machine(tier, threads))) {
        Rows rows = operation.apply(device);
        for (int count : ROWS) {
          int first = count * 7 % (ALL - count + 1);
          TestData.assertBits(
              Arrays.copyOfRange(alone, first, first + count),
              rows.run(first, count),
              "%s, %d rows from %d on, %d threads".formatted(what, count, first, threads));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#tiers")
  void matmul(Tier tier) {
    for (DType dtype : DType.values()) {
      int k = dtype.quantized() ? K : K + 1;
      byte[] file = TestData.encode(dtype, TestData.normals(1, N, k));
      float[][] x = TestData.normals(2, ALL, k);
      float[][] y = TestData.normals(3, ALL, N);
      float[] bias = TestData.normals(4, 1, N)[0];
      check(
          tier,
          "matmul of " + dtype,
          device -> {
            PackedWeight weight = device.weight(dtype, N, k, file);
            DeviceBuffer scratch = device.scratch(weight, ALL);
            DeviceBuffer biases = device.vector(bias);
            Matrix in = device.input(x);
            return (first, count) -> {
              Matrix out = device.input(Arrays.copyOfRange(y, first, first + count));
              device.kernels.matmul(weight, in.rowsFrom(first, count), out, biases, true, scratch);
              return device.read(out);
            };
          });
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#tiers")
  void embed(Tier tier) {
    int[] tokens = TestData.tokens(1, ALL, N);
    for (DType dtype : DType.values()) {
      byte[] file = TestData.encode(dtype, TestData.normals(1, N, K));
      check(
          tier,
          "embed of " + dtype,
          device -> {
            PackedWeight weight = device.weight(dtype, N, K, file);
            return (first, count) -> {
              Batch batch =
                  device.batch(
                      Arrays.copyOfRange(tokens, first, first + count),
                      Tree.chain(count, 0),
                      new int[2]);
              Matrix out = device.output(count, K);
              device.kernels.embed(batch, weight, out);
              return device.read(out);
            };
          });
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#tiers")
  void rmsnorm(Tier tier) {
    float[][] x = TestData.normals(1, ALL, 3 * K);
    float[] weight = TestData.normals(2, 1, K)[0];
    check(
        tier,
        "rmsnorm",
        device -> {
          DeviceBuffer weights = device.vector(weight);
          return (first, count) -> {
            Matrix out = device.output(count, 3 * K);
            device.kernels.rmsnorm(device.input(x).rowsFrom(first, count), 3, weights, 1e-5f, out);
            return device.read(out);
          };
        });
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#tiers")
  void rope(Tier tier) {
    int headDim = 72;
    float[][] x = TestData.normals(1, ALL, 5 * headDim);
    float[] table = TestData.normals(2, 1, (ALL + 40) * headDim)[0];
    check(
        tier,
        "rope",
        device -> {
          Matrix angles = Matrix.of(device.vector(table), ALL + 40, headDim);
          return (first, count) -> {
            Batch batch = device.batch(new int[count], Tree.chain(count, first + 40), new int[3]);
            Matrix out = device.input(Arrays.copyOfRange(x, first, first + count));
            device.kernels.rope(batch, headDim, angles, out);
            return device.read(out);
          };
        });
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#tiers")
  void swiglu(Tier tier) {
    float[][] gate = TestData.normals(1, ALL, K + 1);
    float[][] up = TestData.normals(2, ALL, K + 1);
    check(
        tier,
        "swiglu",
        device ->
            (first, count) -> {
              Matrix out = device.output(count, K + 1);
              device.kernels.swiglu(
                  device.input(gate).rowsFrom(first, count),
                  device.input(up).rowsFrom(first, count),
                  out);
              return device.read(out);
            });
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#tiers")
  void residual(Tier tier) {
    float[][] x = TestData.normals(1, ALL, K + 1);
    float[][] y = TestData.normals(2, ALL, K + 1);
    check(
        tier,
        "residual",
        device ->
            (first, count) -> {
              Matrix out = device.input(Arrays.copyOfRange(y, first, first + count));
              device.kernels.residual(device.input(x).rowsFrom(first, count), out);
              return device.read(out);
            });
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#tiers")
  void choosing(Tier tier) {
    float[][] logits = TestData.integers(1, ALL, 500, 20); // many ties
    check(
        tier,
        "argmax, topk, sample",
        device ->
            (first, count) -> {
              Matrix in = device.input(logits).rowsFrom(first, count);
              DeviceBuffer argmax = device.ones(4L * count);
              DeviceBuffer ids = device.ones(4L * count * 20);
              DeviceBuffer values = device.ones(4L * count * 20);
              DeviceBuffer drawn = device.ones(4L * count);
              Tree chain = Tree.chain(count, first);
              Batch batch = device.batch(new int[count], chain, new int[2]);
              batch.sampling(3, 300, 0.95f, 0.01f, 11);
              batch.set(new int[count], chain.parents(), 0, count, first, new int[2]);
              long bytes = device.kernels.sampleScratchBytes(count, 500);
              DeviceBuffer scratch = bytes == 0 ? null : device.ones(bytes);
              device.kernels.argmax(in, argmax);
              device.kernels.topk(in, 20, ids, values);
              device.kernels.sample(batch, 0, in, drawn, scratch);
              float[][] result = new float[count][42];
              for (int i = 0; i < count; i++) {
                result[i][0] = device.ints(argmax, count)[i];
                result[i][1] = device.ints(drawn, count)[i];
                for (int j = 0; j < 20; j++) {
                  result[i][2 + j] = device.ints(ids, 20 * count)[20 * i + j];
                  result[i][22 + j] = device.floats(values, 20 * count)[20 * i + j];
                }
              }
              return result;
            });
  }
}
