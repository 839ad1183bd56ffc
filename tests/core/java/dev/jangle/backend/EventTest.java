package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.ffi.NativeException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Events, recorded calls, and what other libraries are told of a stream and a buffer. */
class EventTest {
  private final Device device = new Device(Machine.best(1));
  private final Kernels kernels = device.kernels;

  @AfterEach
  void close() {
    device.close();
  }

  @Test
  void timeGoesForward() {
    Event start = device.keep(device.backend.newEvent());
    Event end = device.keep(device.backend.newEvent());
    Matrix x = device.input(TestData.normals(1, 3, 500));
    Matrix y = device.input(TestData.normals(2, 3, 500));
    kernels.record(start);
    kernels.residual(x, y);
    kernels.record(end);
    double millis = end.millisSince(start);
    assertTrue(millis >= 0, "milliseconds: " + millis);
    assertEquals(-millis, start.millisSince(end));
  }

  @Test
  void anEventThatNeverHappenedIsRefused() {
    Event start = device.keep(device.backend.newEvent());
    Event end = device.keep(device.backend.newEvent());
    Refusal.of(NativeException.class, () -> end.millisSince(start), "first event");
    kernels.record(start);
    Refusal.of(NativeException.class, () -> end.millisSince(start), "second event");
    device.keep(
        kernels.capture(
            () -> Refusal.of(NativeException.class, () -> kernels.record(end), "recording")));
  }

  @Test
  void aCaptureRunsNothingAndALaunchAll() {
    float[][] values = TestData.normals(3, 2, 40);
    Matrix x = device.input(values);
    Matrix y = device.input(new float[2][40]);
    Graph graph =
        device.keep(
            kernels.capture(
                () -> {
                  kernels.residual(x, y);
                  kernels.residual(x, y);
                }));
    kernels.synchronize();
    TestData.assertBits(new float[2][40], device.read(y), "before the launch");
    kernels.launch(graph);
    kernels.synchronize();
    for (float[] row : values) {
      for (int j = 0; j < row.length; j++) {
        row[j] += row[j];
      }
    }
    TestData.assertBits(values, device.read(y), "after it");
  }

  @Test
  void aCaptureThatFailsLeavesTheStreamUsable() {
    Matrix x = device.input(TestData.normals(4, 1, 8));
    Matrix y = device.output(1, 9);
    Refusal.of(
        IllegalArgumentException.class,
        () -> kernels.capture(() -> kernels.residual(x, y)),
        "residual");
    kernels.residual(x, x);
    kernels.synchronize();
  }

  @Test
  void otherLibrariesAreToldAddressesOfTheDevice() {
    DeviceBuffer buffer = device.vector(1, 2, 3);
    assertEquals(buffer.range(kernels, 0, 12).address(), buffer.address());
    assertEquals(Machine.kind() == BackendKind.CPU, kernels.streamHandle() == 0);
    buffer.close();
    Refusal.of(IllegalStateException.class, buffer::address, "closed");
  }

  @Test
  void theDeviceHasACache() {
    assertTrue(device.backend.cacheBytes() >= 1 << 20);
  }
}
