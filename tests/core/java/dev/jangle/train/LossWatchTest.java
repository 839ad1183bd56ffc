package dev.jangle.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class LossWatchTest {
  private static final int VOCABULARY = 50_000; // ln: 10.8

  @Test
  void noisyLossesPass() {
    LossWatch watch = new LossWatch(VOCABULARY);
    watch.add(0, 0.01); // a lucky first step
    for (int i = 1; i < 1000; i++) {
      watch.add(i, i % 10 == 0 ? 12 : 2); // a hard batch now and then
    }
  }

  @Test
  void aLossThatStaysHighStops() {
    LossWatch watch = new LossWatch(VOCABULARY);
    for (int i = 0; i < 50; i++) {
      watch.add(i, 2);
    }
    int stopped = 0;
    LossWatch.State before = watch.state();
    for (int i = 50; i < 100 && stopped == 0; i++) {
      before = watch.state();
      try {
        watch.add(i, 11);
      } catch (TrainingException e) {
        stopped = i;
        assertTrue(e.getMessage().startsWith("step " + i + ": the loss explodes"), e.getMessage());
      }
    }
    assertTrue(stopped >= 53 && stopped < 65, "stopped at " + stopped);
    assertEquals(before, watch.state());
  }

  @Test
  void anExplosionInTheFirstStepsIsSeenToo() {
    LossWatch watch = new LossWatch(VOCABULARY);
    watch.add(1, 3);
    assertThrows(TrainingException.class, () -> watch.add(2, 1e4));
  }

  @Test
  void goesOnFromItsState() {
    LossWatch whole = new LossWatch(VOCABULARY);
    LossWatch second = new LossWatch(VOCABULARY);
    whole.add(1, 3);
    second.restore(whole.state());
    whole.add(2, 4);
    second.add(2, 4);
    assertEquals(whole.state(), second.state());
  }
}
