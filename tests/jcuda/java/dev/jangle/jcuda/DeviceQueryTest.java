package dev.jangle.jcuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The driver's answers: those of a GPU's, or of the one that stands in for it. */
class DeviceQueryTest {
  @BeforeAll
  static void findTheDriver() throws Exception {
    Gpu.loadStandIns();
  }

  @Test
  void theGpuIsDescribed() {
    if (Gpu.EMULATED) {
      throw Gpu.skip("another library stands in for the driver");
    }
    if (!JCudaLibrary.DRIVER.problem().isEmpty()) {
      throw Gpu.skip(JCudaLibrary.DRIVER.problem());
    }
    DeviceQuery first = DeviceQuery.all().getFirst();
    assertEquals(0, first.device());
    assertFalse(first.name().isBlank());
    assertTrue(first.major() >= 5 && first.minor() >= 0, first.toString());
    assertTrue(first.memoryBytes() > 1 << 30, first.toString());
    assertTrue(first.driverVersion() >= 12000, first.toString());
  }

  @Test
  void withoutADriverItSaysSo() {
    if (Gpu.EMULATED || JCudaLibrary.DRIVER.problem().isEmpty()) {
      throw Gpu.skip("there is a driver, or one that stands in for it");
    }
    JCudaException e = assertThrows(JCudaException.class, DeviceQuery::all);
    assertTrue(e.getMessage().contains("install an NVIDIA driver"), e.getMessage());
  }

  @Test
  void everyNumberIsWhereItBelongs() {
    if (!Gpu.EMULATED) {
      throw Gpu.skip("nothing stands in for the driver in this run");
    }
    assertEquals(
        List.of(
            new DeviceQuery(0, "Stand-in 40", 9, 0, 40L << 32, 13010),
            new DeviceQuery(1, "Stand-in 41", 10, 1, 41L << 32, 13010)),
        DeviceQuery.all());
  }
}
