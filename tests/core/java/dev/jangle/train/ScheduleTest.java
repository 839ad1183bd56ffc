package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ScheduleTest {
  @Test
  void warmsUpEvenlyThenFallsToATenth() {
    Schedule schedule = new Schedule(2e-4, 4, 100);
    assertEquals(2e-4 / 5, schedule.rate(0), 1e-18);
    assertEquals(2e-4 * 4 / 5, schedule.rate(3), 1e-18);
    assertEquals(2e-4, schedule.rate(4), 1e-18);
    assertEquals(2e-4 * 0.55, schedule.rate(52), 1e-18);
    assertEquals(2e-5, schedule.rate(99), 1e-6);
    for (int step = 5; step < 100; step++) {
      assertTrue(schedule.rate(step) < schedule.rate(step - 1));
    }
    assertEquals(0.5, schedule.progress(50));
  }

  @Test
  void refusesWhatIsOutOfRange() {
    assertThrows(IllegalArgumentException.class, () -> new Schedule(0, 0, 10));
    assertThrows(IllegalArgumentException.class, () -> new Schedule(Double.NaN, 0, 10));
    assertThrows(IllegalArgumentException.class, () -> new Schedule(1, 10, 10));
    assertThrows(IllegalArgumentException.class, () -> new Schedule(1, -1, 10));
    assertThrows(IllegalArgumentException.class, () -> new Schedule(1, 0, 0));
  }
}
