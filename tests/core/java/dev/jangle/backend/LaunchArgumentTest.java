package dev.jangle.backend;

import dev.jangle.format.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A launch asks of its arguments what the calls asked of them when they were recorded. */
class LaunchArgumentTest {
  private static final Class<IllegalArgumentException> SHAPE = IllegalArgumentException.class;

  private final Device device = new Device(Machine.best(1));
  private final Kernels kernels = device.kernels;

  /** Two rows at positions 70 and 71, in pages 3 and 1. */
  private final Batch batch = device.batch(new int[] {1, 5}, Tree.chain(2, 70), new int[] {3, 1});

  @AfterEach
  void close() {
    device.close();
  }

  private PackedWeight weight(int n, int k) {
    return device.weight(DType.F32, n, k, TestData.encode(DType.F32, new float[n][k]));
  }

  private void setBatch() {
    batch.set(new int[] {1, 5}, new int[] {-1, 0}, 0, 2, 70, new int[] {3, 1});
  }

  @Test
  void launches() {
    PackedWeight weight = weight(6, 16);
    Matrix x = device.output(2, 16);
    Matrix table = Matrix.of(device.vector(new float[72 * 16]), 72, 16);
    KvLayer layer = device.layer(DType.F16, 4, 1, 16);
    DeviceBuffer ids = device.ones(8);
    batch.sampling(1, 0, 1, 0, 1);
    setBatch();
    Graph graph =
        device.keep(
            kernels.capture(
                () -> {
                  kernels.embed(batch, weight, x);
                  kernels.rope(batch, 16, table, x);
                  kernels.kvAppend(batch, layer, x, x);
                }));
    kernels.launch(graph);
    int[] parents = {-1, 0};
    int[] pages = {3, 1};
    batch.set(new int[] {1, 6}, parents, 0, 2, 70, pages);
    Refusal.of(SHAPE, () -> kernels.launch(graph), "token 6 of a vocabulary of 6");
    batch.set(new int[2], parents, 0, 2, 71, pages);
    Refusal.of(SHAPE, () -> kernels.launch(graph), "position 72 of a table of 72");
    batch.set(new int[2], new int[] {-1, -1}, 0, 2, 71, pages);
    kernels.launch(graph);
    batch.set(new int[2], parents, 0, 2, 70, new int[] {3, 4});
    Refusal.of(SHAPE, () -> kernels.launch(graph), "page 4 of a cache of 4 pages");
    batch.set(new int[1], parents, 0, 1, 70, pages);
    Refusal.of(SHAPE, () -> kernels.launch(graph), "rows of the batch: found 2, expected 1");
    batch.set(new int[1], parents, 0, 1, 2, 70, pages);
    kernels.launch(graph);
    Batch other = device.keep(kernels.newBatch(2, 2));
    other.sampling(1, 0, 1, 0, 1);
    other.set(new int[2], parents, 0, 2, 70, pages);
    DeviceBuffer scratch = device.ones(Math.max(1, kernels.sampleScratchBytes(2, 16)));
    Graph drawing = device.keep(kernels.capture(() -> kernels.sample(other, 0, x, ids, scratch)));
    kernels.launch(drawing);
    other.set(new int[1], parents, 0, 1, 70, pages);
    Refusal.of(SHAPE, () -> kernels.launch(drawing), "found 1, expected 2");
    setBatch();
    kernels.launch(graph);
    kernels.synchronize();
  }

  /** A recorded walk is of as many trees as when it was recorded. */
  @Test
  void launchesOfAccept() {
    KvLayer layer = device.layer(DType.F32, 8, 1, 16);
    DeviceBuffer ids = device.ones(200 * 4);
    Batch shared = device.keep(kernels.newBatch(200, 2, 4));
    shared.set(List.of(chain(1, 4), chain(1, 0)));
    Graph graph =
        device.keep(kernels.capture(() -> kernels.accept(shared, ids, 0, 1, layer, 1, 0)));
    kernels.launch(graph);
    shared.set(List.of(chain(2, 0)));
    Refusal.of(SHAPE, () -> kernels.launch(graph), "accept: sequences", "found 1, expected 2");
    shared.set(List.of(chain(100, 4), chain(100, 0)));
    Graph large =
        device.keep(kernels.capture(() -> kernels.accept(shared, ids, 0, 1, layer, 1, 0)));
    kernels.launch(large);
    shared.set(List.of(chain(129, 4), chain(71, 0)));
    Refusal.of(SHAPE, () -> kernels.launch(large), "a sequence of 129 rows", "at most 128");
    kernels.synchronize();
  }

  /** Rows one after the other, in four pages of its own. */
  private static Batch.Rows chain(int count, int firstPage) {
    int[] parents = new int[count];
    Arrays.setAll(parents, i -> i - 1);
    int[] pages = {firstPage, firstPage + 1, firstPage + 2, firstPage + 3};
    return new Batch.Rows(new int[count], parents, count, 0, pages);
  }

  /** A launch would copy it again, when it may be gone. */
  @Test
  void hostMemoryOfAnArenaIsNotRecorded() {
    Matrix x = device.output(2, 8);
    PackedWeight weight = weight(1, 4);
    Class<IllegalStateException> type = IllegalStateException.class;
    String refused = "only memory of Backend.allocateHost can be copied while calls are recorded";
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(16);
      Refusal.of(type, () -> kernels.capture(() -> kernels.upload(host, x.buffer())), refused);
      Refusal.of(type, () -> kernels.capture(() -> kernels.download(x.buffer(), host)), refused);
      Refusal.of(type, () -> kernels.capture(() -> kernels.pack(weight, 0, 1, host)), refused);
    }
    Refusal.of(type, () -> kernels.capture(() -> kernels.download(x)), refused);
    kernels.residual(x, x);
    kernels.synchronize();
  }
}
