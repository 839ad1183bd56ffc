package dev.jangle.backend;

import dev.jangle.format.DType;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The promise for attention: a row of a tree has the bits that decoding its path one token at a
 * time gives. Slots that the row must not read hold NaN.
 */
class AttentionIdentityTest {
  /** Query heads, key heads, width of a head: 3, 1, 2 and 5 query heads to a key head. */
  private static final int[][] SHAPES = {
    {6, 2, 16}, {3, 1, 64}, {4, 4, 42}, {4, 2, 24}, {5, 1, 80}
  };

  private static final int[] COMMITTED = {0, 1, 63, 64, 100};

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#tiers")
  void aTreeIsItsPathsOneByOne(Tier tier) {
    for (DType dtype : new DType[] {DType.F32, DType.F16}) {
      for (int i = 0; i < BitIdentityTest.ROWS.length * SHAPES.length; i++) {
        int rows = BitIdentityTest.ROWS[i / SHAPES.length];
        int[] shape = SHAPES[i % SHAPES.length];
        int committed = COMMITTED[(rows + i) % COMMITTED.length];
        AttentionInputs in =
            AttentionInputs.normal(
                rows, Tree.random(rows, rows, committed), shape[0], shape[1], shape[2]);
        int[] pages = TestData.shuffledPages(rows, in.tree().pages());
        float[][] alone;
        try (Device device = new Device(new Machine(tier, 1))) {
          alone = oneByOne(device, in, dtype, pages);
        }
        for (int threads = 1; threads <= 3; threads++) {
          try (Device device = new Device(new Machine(tier, threads))) {
            TestData.assertBits(
                alone,
                in.attend(device, in.cache(device, dtype, pages), pages),
                "%s, %d rows after %d, %d threads".formatted(dtype, rows, committed, threads));
          }
        }
      }
    }
  }

  /** What every row gets when its path is decoded token by token, each alone in its pass. */
  private static float[][] oneByOne(Device device, AttentionInputs in, DType dtype, int[] pages) {
    Tree tree = in.tree();
    Kernels kernels = device.kernels;
    KvLayer layer = in.cache(device, dtype, pages);
    float[][] out = new float[tree.rows()][];
    float[][] nan = new float[tree.rows()][in.kvHeads() * in.headDim()];
    for (float[] row : nan) {
      Arrays.fill(row, Float.NaN);
    }
    Tree allSlots = Tree.chain(tree.rows(), tree.committed());
    Matrix k = device.input(in.k());
    Matrix v = device.input(in.v());
    Matrix q = device.input(in.q());
    Matrix stale = device.input(nan);
    Matrix result = device.output(1, in.heads() * in.headDim());
    DeviceBuffer scratch = device.attentionScratch(in.heads(), in.headDim(), 1, pages.length);
    try (Batch batch = kernels.newBatch(tree.rows(), pages.length)) {
      for (int row = 0; row < tree.rows(); row++) {
        batch.set(
            new int[tree.rows()], allSlots.parents(), 0, tree.rows(), tree.committed(), pages);
        kernels.kvAppend(batch, layer, stale, stale);
        int committed = tree.committed();
        for (int ancestor : tree.path(row)) {
          batch.set(new int[1], new int[] {-1}, 0, 1, committed++, pages);
          int slot = tree.slot(ancestor);
          kernels.kvAppend(batch, layer, k.rowsFrom(slot, 1), v.rowsFrom(slot, 1));
        }
        kernels.attention(
            batch, layer, in.heads(), in.scale(), q.rowsFrom(row, 1), result, scratch);
        out[row] = device.read(result)[0];
      }
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#tiers")
  void siblingsDoNotMatter(Tier tier) {
    for (DType dtype : new DType[] {DType.F32, DType.F16}) {
      Tree tree = Tree.random(5, 128, 50);
      AttentionInputs in = AttentionInputs.normal(5, tree, 6, 2, 16);
      int[] pages = TestData.shuffledPages(5, tree.pages());
      try (Device device = new Device(new Machine(tier, 2))) {
        float[][] expected = in.attend(device, in.cache(device, dtype, pages), pages);
        for (int row = 0; row < tree.rows(); row += 9) {
          AttentionInputs alone = withoutSiblings(in, row);
          float[][] found = alone.attend(device, alone.cache(device, dtype, pages), pages);
          TestData.assertBits(expected[row], found[row], dtype + ", row " + row);
        }
      }
    }
  }

  /** The same, with a NaN in all keys and values that the row must not see. */
  private static AttentionInputs withoutSiblings(AttentionInputs in, int row) {
    float[][] k = new float[in.k().length][in.k()[0].length];
    float[][] v = new float[in.v().length][in.v()[0].length];
    for (int slot = 0; slot < k.length; slot++) {
      Arrays.fill(k[slot], Float.NaN);
      Arrays.fill(v[slot], Float.NaN);
    }
    for (int slot : in.tree().visibleSlots(row)) {
      k[slot] = in.k()[slot];
      v[slot] = in.v()[slot];
    }
    return new AttentionInputs(in.tree(), in.heads(), in.kvHeads(), in.headDim(), in.q(), k, v);
  }
}
