package dev.jangle.backend;

import dev.jangle.backend.reference.AttentionReference;
import dev.jangle.format.DType;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AttentionTest {
  /** Query heads, key heads, width of a head. */
  private static final int[][] SHAPES = {
    {1, 1, 2}, {3, 3, 8}, {6, 2, 10}, {9, 3, 64}, {8, 1, 80}, {32, 1, 16}, {2, 2, 256}
  };

  private static final int[] COMMITTED = {0, 1, 63, 64, 65, 130, 200};

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void isNearTheReference(Machine machine) {
    for (DType dtype : new DType[] {DType.F32, DType.F16}) {
      for (int[] shape : SHAPES) {
        for (int committed : COMMITTED) {
          try (Device device = new Device(machine)) {
            Tree tree = Tree.random(committed, 1 + committed % 23, committed);
            AttentionInputs in = AttentionInputs.normal(7, tree, shape[0], shape[1], shape[2]);
            int[] pages = TestData.shuffledPages(3, tree.pages() + 1);
            float[][] found = in.attend(device, in.cache(device, dtype, pages), pages);
            String what =
                "%s, %s, %d committed".formatted(dtype, Arrays.toString(shape), committed);
            TestData.assertNear(
                exact(in, dtype),
                naive(in, dtype),
                found,
                rounding(machine.tier(), in, dtype),
                what);
          }
        }
      }
    }
  }

  /** With equal scores the result is the mean of the visible values: whole sums, one division. */
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void attendsWhatIsVisibleAndNothingElse(Machine machine) {
    for (DType dtype : new DType[] {DType.F32, DType.F16}) {
      for (int committed : COMMITTED) {
        try (Device device = new Device(machine)) {
          Tree tree = Tree.random(committed, 128, committed);
          int slots = committed + 128;
          float[][] q = TestData.integers(1, 128, 4 * 12, 5);
          float[][] v = TestData.integers(2, slots, 2 * 12, 500);
          AttentionInputs in = new AttentionInputs(tree, 4, 2, 12, q, new float[slots][24], v);
          int[] pages = TestData.shuffledPages(committed, tree.pages());
          double[][] expected = new double[128][48];
          for (int i = 0; i < 128; i++) {
            int[] visible = tree.visibleSlots(i);
            for (int j = 0; j < 48; j++) {
              float sum = 0;
              for (int slot : visible) {
                sum += v[slot][j / 24 * 12 + j % 12];
              }
              expected[i][j] = sum / visible.length;
            }
          }
          float[][] found = in.attend(device, in.cache(device, dtype, pages), pages);
          TestData.assertValues(expected, found, dtype + ", " + committed + " committed");
        }
      }
    }
  }

  /** A score far above the others picks one value: for each position it must be the right one. */
  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void eachKeyGoesWithItsValue(Machine machine) {
    try (Device device = new Device(machine)) {
      int committed = 140;
      Tree tree = Tree.chain(100, committed);
      int headDim = 240;
      float[][] k = new float[240][headDim];
      float[][] q = new float[100][headDim];
      double[][] expected = new double[100][headDim];
      float[][] v = TestData.integers(3, 240, headDim, 1000);
      for (int slot = 0; slot < 240; slot++) {
        k[slot][slot] = 200;
      }
      for (int i = 0; i < 100; i++) {
        int target = i * 37 % (committed + i + 1);
        q[i][target] = 200;
        for (int j = 0; j < headDim; j++) {
          expected[i][j] = v[target][j];
        }
      }
      AttentionInputs in = new AttentionInputs(tree, 1, 1, headDim, q, k, v);
      int[] pages = TestData.shuffledPages(5, tree.pages());
      TestData.assertValues(
          expected, in.attend(device, in.cache(device, DType.F32, pages), pages), "one-hot keys");
    }
  }

  private static double[][] exact(AttentionInputs in, DType dtype) {
    double[][] out = new double[in.tree().rows()][in.heads() * in.headDim()];
    for (int i = 0; i < out.length; i++) {
      for (int head = 0; head < in.heads(); head++) {
        double[] part =
            AttentionReference.exact(
                query(in, i, head),
                visible(in, dtype, in.k(), i, head),
                visible(in, dtype, in.v(), i, head),
                in.scale());
        System.arraycopy(part, 0, out[i], head * in.headDim(), in.headDim());
      }
    }
    return out;
  }

  /** A GPU multiplies an F16 cache with weights in float16. */
  private static double rounding(Tier tier, AttentionInputs in, DType dtype) {
    double most = 0;
    for (int i = 0; tier == Tier.CUDA && dtype == DType.F16 && i < in.tree().rows(); i++) {
      for (int head = 0; head < in.heads(); head++) {
        most =
            Math.max(
                most,
                AttentionReference.weightRounding(
                    query(in, i, head),
                    visible(in, dtype, in.k(), i, head),
                    visible(in, dtype, in.v(), i, head),
                    in.scale()));
      }
    }
    return most;
  }

  private static float[][] naive(AttentionInputs in, DType dtype) {
    float[][] out = new float[in.tree().rows()][in.heads() * in.headDim()];
    for (int i = 0; i < out.length; i++) {
      for (int head = 0; head < in.heads(); head++) {
        float[] part =
            AttentionReference.naive(
                query(in, i, head),
                visible(in, dtype, in.k(), i, head),
                visible(in, dtype, in.v(), i, head),
                in.scale());
        System.arraycopy(part, 0, out[i], head * in.headDim(), in.headDim());
      }
    }
    return out;
  }

  private static float[] query(AttentionInputs in, int row, int head) {
    return Arrays.copyOfRange(in.q()[row], head * in.headDim(), (head + 1) * in.headDim());
  }

  /** What the cache holds of the slots that a row sees, for a query head's key head. */
  private static float[][] visible(
      AttentionInputs in, DType dtype, float[][] all, int row, int head) {
    int kvHead = head / (in.heads() / in.kvHeads());
    int[] slots = in.tree().visibleSlots(row);
    float[][] rows = new float[slots.length][in.headDim()];
    for (int i = 0; i < slots.length; i++) {
      for (int d = 0; d < in.headDim(); d++) {
        float value = all[slots[i]][kvHead * in.headDim() + d];
        rows[i][d] = dtype == DType.F16 ? Float.float16ToFloat(Float.floatToFloat16(value)) : value;
      }
    }
    return rows;
  }
}
