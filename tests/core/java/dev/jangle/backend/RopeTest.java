package dev.jangle.backend;

import dev.jangle.backend.reference.RopeReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RopeTest {
  private static final int[] HEAD_DIMS = {2, 6, 8, 64, 80, 128};
  private static final int POSITIONS = 90;

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void isNearTheReference(Machine machine) {
    try (Device device = new Device(machine)) {
      for (int headDim : HEAD_DIMS) {
        for (int heads = 1; heads <= 4; heads++) {
          float[][] table = new float[POSITIONS][headDim];
          for (int p = 0; p < POSITIONS; p++) {
            for (int j = 0; j < headDim / 2; j++) {
              double angle = p * Math.pow(10000, -2.0 * j / headDim);
              table[p][j] = (float) Math.cos(angle);
              table[p][j + headDim / 2] = (float) Math.sin(angle);
            }
          }
          Tree tree = Tree.random(heads, 20, 61);
          float[][] x = TestData.normals(headDim, tree.rows(), heads * headDim);
          TestData.assertNear(
              RopeReference.exact(x, table, positions(tree)),
              RopeReference.naive(x, table, positions(tree)),
              rotate(device, tree, table, x),
              heads + " heads of " + headDim);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void wholeNumbersAreExact(Machine machine) {
    try (Device device = new Device(machine)) {
      for (int headDim : HEAD_DIMS) {
        float[][] table = TestData.integers(headDim, POSITIONS, headDim, 50);
        Tree tree = Tree.random(headDim, 33, 40);
        float[][] x = TestData.integers(3, tree.rows(), 3 * headDim, 50);
        TestData.assertValues(
            RopeReference.exact(x, table, positions(tree)),
            rotate(device, tree, table, x),
            "heads of " + headDim);
      }
    }
  }

  private static int[] positions(Tree tree) {
    int[] positions = new int[tree.rows()];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = tree.position(i);
    }
    return positions;
  }

  private static float[][] rotate(Device device, Tree tree, float[][] table, float[][] x) {
    int headDim = table[0].length;
    float[] flat = new float[POSITIONS * headDim];
    for (int p = 0; p < POSITIONS; p++) {
      System.arraycopy(table[p], 0, flat, p * headDim, headDim);
    }
    Batch batch = device.batch(new int[tree.rows()], tree, new int[tree.pages()]);
    Matrix matrix = device.input(x);
    Matrix angles = Matrix.of(device.vector(flat), POSITIONS, headDim);
    device.kernels.rope(batch, headDim, angles, matrix);
    return device.read(matrix);
  }
}
