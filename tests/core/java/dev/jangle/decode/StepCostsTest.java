package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.Machine;
import dev.jangle.format.DType;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class StepCostsTest {
  private static StepCosts costs(double perRowAndPosition) {
    return new StepCosts(
        new int[] {1, 2, 4, 8}, new double[] {100, 110, 150, 350}, perRowAndPosition);
  }

  @Test
  void isWhatWasMeasured() {
    assertEquals(100, costs(0).nanos(1, 0));
    assertEquals(110, costs(0).nanos(2, 0));
    assertEquals(350, costs(0).nanos(8, 5000));
    assertArrayEquals(new int[] {1, 2, 4, 8}, costs(0).measuredRows());
    assertEquals(150 / 1e6, costs(3).millis(4), 1e-18);
  }

  @Test
  void interpolates() {
    assertEquals(130, costs(0).nanos(3, 0), 1e-9);
    assertEquals(250, costs(0).nanos(6, 0), 1e-9);
  }

  @Test
  void pastTheLastPointCostsInProportionToRows() {
    assertEquals(700, costs(0).nanos(16, 0), 1e-9);
    // Two points with the same time must not make all further rows free.
    StepCosts flat = new StepCosts(new int[] {1, 2}, new double[] {100, 100}, 0);
    assertEquals(400, flat.nanos(8, 0), 1e-9);
  }

  @Test
  void contextCostsPerRowAndPosition() {
    assertEquals(110 + 0.5 * 2 * 90, costs(0.5).nanos(2, 90), 1e-9);
    assertEquals(110, costs(-1).nanos(2, 100), 1e-9, "a negative slope was noise");
  }

  @Test
  void moreRowsNeverCostLess() {
    StepCosts costs = new StepCosts(new int[] {1, 2, 3, 4}, new double[] {100, 90, 120, 110}, 0);
    assertEquals(90, costs.nanos(1, 0), "disturbed: noise only adds time");
    assertEquals(90, costs.nanos(2, 0));
    assertEquals(110, costs.nanos(3, 0));
    assertEquals(110, costs.nanos(4, 0));
    for (int m = 2; m <= 128; m++) {
      assertTrue(costs.nanos(m, 0) >= costs.nanos(m - 1, 0));
    }
  }

  @Test
  void aSingleMeasurementIsPerRow() {
    StepCosts costs = new StepCosts(new int[] {1}, new double[] {7}, 0);
    assertEquals(7, costs.nanos(1, 0));
    assertEquals(21, costs.nanos(3, 0));
  }

  /** The arguments are copied, and so is what is handed out. */
  @Test
  void keepsNoArrayOfOthers() {
    int[] rows = {1, 2};
    double[] nanos = {5, 6};
    StepCosts costs = new StepCosts(rows, nanos, 0);
    rows[1] = 9;
    nanos[1] = 99;
    costs.measuredRows()[1] = 7;
    assertEquals(6, costs.nanos(2, 0));
    assertArrayEquals(new int[] {1, 2}, costs.measuredRows());
  }

  @Test
  void decodedStepsCorrectAWrongMeasurement() {
    StepCosts costs = costs(0.5);
    for (int i = 0; i < 500; i++) {
      costs.observe(4, 100, (long) (300 + 0.5 * 4 * 100));
      costs.observe(8, 100, (long) (360 + 0.5 * 8 * 100));
    }
    assertEquals(300, costs.nanos(4, 0), 3);
    assertEquals(360, costs.nanos(8, 0), 3);
    assertEquals(110, costs.nanos(2, 0), 1e-9, "nobody saw two rows");
  }

  @Test
  void aStepBetweenPointsCorrectsBoth() {
    StepCosts costs = costs(0);
    for (int i = 0; i < 2000; i++) {
      costs.observe(3, 0, 260);
    }
    assertEquals(260, costs.nanos(3, 0), 3);
    assertTrue(costs.nanos(4, 0) > 200 && costs.nanos(4, 0) < 350);
  }

  @Test
  void oneDisturbedStepChangesLittle() {
    StepCosts costs = costs(0);
    costs.observe(2, 0, 1_000_000_000);
    assertTrue(costs.nanos(2, 0) <= 110 * 1.06, "found " + costs.nanos(2, 0));
  }

  @Test
  void measuresAModel() throws IOException {
    Machine machine = new Machine(null, 2);
    // Shorter than a page, and longer than the long context of the measurement.
    for (int context : new int[] {10, 700}) {
      try (DecodeRun run =
          new DecodeRun(DecodeRun.fixture("llama2"), machine, DType.F16, context)) {
        StepCosts costs = StepCostMeter.measure(run.transformer(), run.backend(), DType.F16);
        int[] rows = costs.measuredRows();
        assertTrue(rows.length >= 4 && rows[0] == 1 && rows[3] == 4);
        for (int m = 1; m <= 128; m++) {
          assertTrue(costs.nanos(m, 0) > 0);
          assertTrue(m == 1 || costs.nanos(m, 600) >= costs.nanos(m - 1, 600));
        }
      }
    }
  }
}
