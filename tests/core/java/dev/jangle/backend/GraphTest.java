package dev.jangle.backend;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.ffi.Bindings;
import dev.jangle.format.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class GraphTest {
  private static final int ROWS = 5;
  private static final int N = 70;
  private static final int K = 96;

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void aLaunchIsTheRecordedCalls(Machine machine) {
    try (Device device = new Device(machine);
        Arena arena = Arena.ofConfined()) {
      Bindings bindings = device.backend.bindings;
      Kernels kernels = device.kernels;
      byte[] table = TestData.encode(DType.Q8_0, TestData.normals(1, N, K));
      byte[] file = TestData.encode(DType.Q4_1, TestData.normals(2, N, K));
      PackedWeight embedding = device.weight(DType.Q8_0, N, K, table);
      PackedWeight weight = device.weight(DType.Q4_1, N, K, file);
      DeviceBuffer norm = device.vector(TestData.normals(3, 1, K)[0]);
      DeviceBuffer scratch = device.scratch(weight, ROWS);
      Matrix direct = device.output(ROWS, N);
      Matrix launched = device.output(ROWS, N);
      Batch batch = device.batch(TestData.tokens(4, ROWS, N), Tree.chain(ROWS, 0), new int[1]);
      Matrix hidden = device.output(ROWS, K);
      Consumer<Matrix> calls =
          y -> {
            kernels.embed(batch, embedding, hidden);
            kernels.rmsnorm(hidden, 1, norm, 1e-5f, hidden);
            kernels.matmul(weight, hidden, y, null, false, scratch);
          };

      bindings.check(bindings.streams.graphBegin(kernels.stream()));
      assertNotEquals(0, bindings.streams.graphBegin(kernels.stream()), "begun twice");
      calls.accept(launched);
      MemorySegment out = arena.allocate(ADDRESS);
      bindings.check(bindings.streams.graphEnd(kernels.stream(), out));
      MemorySegment graph = out.get(ADDRESS, 0);
      for (float value : device.read(launched)[0]) {
        assertTrue(Float.isNaN(value), "recording must not run anything");
      }

      // The tokens change between the launches: they are not part of what was recorded.
      for (int launch = 0; launch < 3; launch++) {
        int[] tokens = TestData.tokens(10 + launch, ROWS, N);
        batch.set(tokens, Tree.chain(ROWS, 0).parents(), 0, ROWS, launch, new int[1]);
        calls.accept(direct);
        bindings.check(bindings.streams.graphLaunch(kernels.stream(), graph));
        kernels.synchronize();
        TestData.assertBits(device.read(direct), device.read(launched), "launch " + launch);
      }
      bindings.check(bindings.streams.graphDestroy(graph));
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void misuseIsRefused(Machine machine) {
    try (Device device = new Device(machine);
        Arena arena = Arena.ofConfined()) {
      Bindings bindings = device.backend.bindings;
      MemorySegment stream = device.kernels.stream();
      MemorySegment out = arena.allocate(ADDRESS);
      assertNotEquals(0, bindings.streams.graphEnd(stream, out), "ended, but never begun");
      assertTrue(bindings.lastError().contains("jg_graph_end"), bindings.lastError());
      assertNotEquals(0, bindings.streams.graphLaunch(stream, MemorySegment.NULL), "no graph");
      bindings.check(bindings.streams.graphBegin(stream));
      bindings.check(bindings.streams.graphEnd(stream, out));
      bindings.check(bindings.streams.graphLaunch(stream, out.get(ADDRESS, 0))); // nothing to do
      bindings.check(bindings.streams.graphDestroy(out.get(ADDRESS, 0)));
    }
  }
}
