package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.jangle.backend.Backend;
import dev.jangle.backend.KvLayer;
import dev.jangle.backend.Machine;
import dev.jangle.backend.OutOfDeviceMemoryException;
import dev.jangle.cache.KvCache;
import dev.jangle.cache.KvPool;
import dev.jangle.ffi.EmulationSettings;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.model.Transformer;
import dev.jangle.model.Workspace;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** What fails for want of memory has given back what it took, as the emulation counts it. */
@EnabledIfSystemProperty(
    named = "jangle.library.cuda",
    matches = ".*cudasim.*",
    disabledReason = "only the emulation of a GPU has the memory that it is told")
class ScarceMemoryTest {
  private static final int CONTEXT = 300;
  private static final long PLENTY = 1L << 30;
  private static final long GRAIN = 512; // of the emulation's allocations

  @AfterEach
  void reset() {
    EmulationSettings.reset(EmulationSettings.MEMORY);
  }

  @Test
  void measuringGivesBackWhatItTook() throws IOException {
    EmulationSettings.set(EmulationSettings.MEMORY, PLENTY);
    try (Backend backend = Machine.best(1).open();
        Checkpoint file = Checkpoint.open(DecodeRun.fixture("llama2"));
        Transformer transformer =
            Transformer.load(file, backend, CONTEXT + TokenTree.MAX_NODES, (done, total) -> {})) {
      long used = PLENTY - backend.freeBytes();
      long needed = neededForMeasuring(backend, transformer);
      assertEquals(PLENTY - used, backend.freeBytes(), "left open");
      for (long missing = GRAIN; missing < needed; missing += needed / 40) {
        long budget = needed - missing;
        EmulationSettings.set(EmulationSettings.MEMORY, used + budget);
        assertThrows(
            OutOfDeviceMemoryException.class,
            () -> StepCostMeter.measure(transformer, backend, DType.F16),
            "with " + budget);
        assertEquals(budget, backend.freeBytes(), "left open with " + budget);
      }
    }
  }

  private static long neededForMeasuring(Backend backend, Transformer transformer) {
    long before = backend.freeBytes();
    int pages = (CONTEXT + TokenTree.MAX_NODES) / KvLayer.PAGE + 1;
    KvPool pool = new KvPool(backend, transformer.config(), DType.F16, pages);
    try (Workspace work = transformer.newWorkspace();
        KvCache cache = new KvCache(pool, work.kernels());
        StepRunner runner = new StepRunner(transformer, backend, work, cache)) {
      assertEquals(cache, runner.cache());
      return before - backend.freeBytes();
    }
  }
}
