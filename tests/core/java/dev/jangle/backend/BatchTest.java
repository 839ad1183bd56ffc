package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.jangle.ffi.NativeException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BatchTest {
  private final Device device = new Device(Machine.best(1));
  private final Batch batch = device.keep(device.kernels.newBatch(200, 4));
  private final int[] pages = {0, 1, 2, 3};

  @AfterEach
  void close() {
    device.close();
  }

  private void set(Tree tree) {
    batch.set(new int[tree.rows()], tree.parents(), 0, tree.rows(), tree.committed(), pages);
  }

  @Test
  void holdsWhatItWasMadeFor() {
    set(Tree.chain(200, 56));
    assertEquals(200, batch.rows());
    set(Tree.random(1, 128, 128));
    assertEquals(128, batch.rows());
    assertEquals(200, batch.maxRows());
  }

  @Test
  void sizesOutOfRangeAreRefused() {
    for (int rows : new int[] {0, -1, Integer.MIN_VALUE, (1 << 20) + 1}) {
      Refusal.of(
          NativeException.class,
          () -> device.kernels.newBatch(rows, 4).close(),
          "rows",
          Integer.toString(rows));
    }
    for (int count : new int[] {0, -1, Integer.MAX_VALUE}) {
      Refusal.of(
          NativeException.class,
          () -> device.kernels.newBatch(4, count).close(),
          "pages",
          Integer.toString(count));
    }
  }

  @Test
  void tooManyRowsAreRefused() {
    Refusal.of(IllegalArgumentException.class, () -> set(Tree.chain(201, 0)), "201 rows", "200");
    Refusal.of(
        IllegalArgumentException.class,
        () -> batch.set(new int[1], new int[1], 0, 0, 0, pages),
        "0 rows");
    Refusal.of(NativeException.class, () -> set(Tree.random(2, 129, 0)), "128");
  }

  @Test
  void rowsBeyondTheArraysAreRefused() {
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> batch.set(new int[3], new int[] {-1, 0, 1, 2}, 0, 4, 0, pages));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> batch.set(new int[4], new int[] {-1, 0, 1}, 0, 4, 0, pages));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> batch.set(new int[4], new int[] {-1, 0, 1, 2}, 2, 3, 0, pages));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> batch.set(new int[4], new int[] {-1, 0, 1, 2}, -1, 3, 0, pages));
  }

  @Test
  void parentsMustBeEarlierRows() {
    for (int[] parents : new int[][] {{-1, 1, 0}, {0, 0, 0}, {-1, 0, 3}, {-1, -2, 0}}) {
      Refusal.of(
          NativeException.class, () -> batch.set(new int[3], parents, 0, 3, 5, pages), "parent");
    }
  }

  @Test
  void tokensMustNotBeNegative() {
    Refusal.of(
        NativeException.class,
        () -> batch.set(new int[] {1, -7}, new int[] {-1, 0}, 0, 2, 0, pages),
        "row 1",
        "token -7");
  }

  @Test
  void committedOutOfRangeIsRefused() {
    for (int committed : new int[] {-1, -1000, Integer.MIN_VALUE}) {
      Refusal.of(
          NativeException.class,
          () -> batch.set(new int[1], new int[] {-1}, 0, 1, committed, pages),
          committed + " committed");
    }
    for (int committed : new int[] {256, 1 << 30, Integer.MAX_VALUE}) {
      Refusal.of(
          IllegalArgumentException.class,
          () -> batch.set(new int[1], new int[] {-1}, 0, 1, committed, pages),
          "page " + committed / 64);
    }
  }

  @Test
  void slotsWithoutAPageAreRefused() {
    Refusal.of(
        IllegalArgumentException.class,
        () -> batch.set(new int[2], new int[] {-1, 0}, 0, 2, 63, new int[] {0}),
        "page 1 of a table of 1");
    Refusal.of(
        IllegalArgumentException.class,
        () -> batch.set(new int[2], new int[] {-1, 0}, 0, 2, 0, new int[5]),
        "table of 5",
        "batch of 4");
    Refusal.of(
        IllegalArgumentException.class,
        () -> batch.set(new int[2], new int[] {-1, 0}, 0, 2, 63, new int[] {0, -1}),
        "entry 1 is -1");
  }

  /** A refused call leaves the batch as it was. */
  @Test
  void aRefusedSetChangesNothing() {
    set(Tree.chain(3, 100));
    assertThrows(RuntimeException.class, () -> set(Tree.random(2, 129, 0)));
    assertThrows(RuntimeException.class, () -> set(Tree.chain(201, 0)));
    assertEquals(3, batch.rows());
    Matrix x = device.input(new float[][] {{1, 0}, {1, 0}, {1, 0}});
    float[] table = new float[2 * 103];
    table[2 * 102] = 7;
    device.kernels.rope(batch, 2, Matrix.of(device.vector(table), 103, 2), x);
    TestData.assertValues(
        new double[][] {{0, 0}, {0, 0}, {7, 0}}, device.read(x), "positions 100 to 102");
  }

  @Test
  void severalSequencesShareABatch() {
    Batch shared = device.keep(device.kernels.newBatch(10, 3, 4));
    int[] chain = {-1, 0, 1, 2};
    shared.set(
        List.of(
            new Batch.Rows(new int[4], chain, 3, 100, pages),
            new Batch.Rows(new int[4], chain, 1, 7, new int[] {3}),
            new Batch.Rows(new int[4], new int[] {-1, 0, 0, 1}, 4, 20, new int[] {2})));
    assertEquals(8, shared.rows());
    // A rotation by the position: row i of the table holds i.
    float[] table = new float[2 * 128];
    for (int i = 0; i < 128; i++) {
      table[2 * i] = i;
    }
    float[][] ones = new float[8][];
    Arrays.setAll(ones, i -> new float[] {1, 0});
    Matrix x = device.input(ones);
    device.kernels.rope(shared, 2, Matrix.of(device.vector(table), 128, 2), x);
    double[] positions = {100, 101, 102, 7, 20, 21, 21, 22};
    double[][] expected = new double[8][];
    Arrays.setAll(expected, i -> new double[] {positions[i], 0});
    TestData.assertValues(expected, device.read(x), "positions");
  }

  @Test
  void whatIsWrongWithOneSequenceIsRefused() {
    Batch shared = device.keep(device.kernels.newBatch(4, 2, 4));
    Batch.Rows two = new Batch.Rows(new int[2], new int[] {-1, 0}, 2, 0, pages);
    Batch.Rows three = new Batch.Rows(new int[3], new int[] {-1, 0, 1}, 3, 0, pages);
    Batch.Rows none = new Batch.Rows(new int[2], new int[] {-1, 0}, 0, 0, pages);
    shared.set(List.of(two, two));
    Refusal.of(
        IllegalArgumentException.class, () -> shared.set(List.of()), "0 sequences", "1 to 2");
    Refusal.of(
        IllegalArgumentException.class, () -> shared.set(List.of(two, two, two)), "3 sequences");
    Refusal.of(
        IllegalArgumentException.class, () -> shared.set(List.of(two, three)), "3 rows after 2");
    Refusal.of(
        IllegalArgumentException.class, () -> shared.set(List.of(two, none)), "0 rows after 2");
    Refusal.of(
        NativeException.class,
        () -> shared.set(List.of(two, new Batch.Rows(new int[1], new int[] {-2}, 1, 0, pages))),
        "parent");
    assertEquals(4, shared.rows(), "a refused call leaves the batch as it was");
    Refusal.of(
        NativeException.class, () -> device.kernels.newBatch(2, 3, 4).close(), "3 sequences");
  }
}
