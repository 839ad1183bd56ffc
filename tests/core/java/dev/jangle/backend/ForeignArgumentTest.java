package dev.jangle.backend;

import dev.jangle.format.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What is of another backend, of other kernels or of another thread is refused. */
class ForeignArgumentTest {
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

  /** The same address may be something else there. */
  @Test
  void whatIsOfAnotherBackend() {
    try (Device other = new Device(Machine.best(1))) {
      Matrix own = device.output(2, 8);
      Matrix foreign = other.output(2, 8);
      String buffer = "device buffer is of another backend";
      Refusal.of(SHAPE, () -> kernels.residual(foreign, own), buffer);
      Refusal.of(SHAPE, () -> kernels.residual(own, foreign), buffer);
      Refusal.of(SHAPE, () -> kernels.argmax(own, foreign.buffer()), buffer);
      Refusal.of(SHAPE, () -> kernels.rmsnorm(own, 1, foreign.buffer(), 1, own), buffer);
      Refusal.of(SHAPE, () -> kernels.copy(foreign.buffer(), 0, 4, 4), buffer);
      Refusal.of(SHAPE, () -> kernels.download(foreign), buffer);
      PackedWeight weight = other.keep(other.kernels.newWeight(DType.F32, 1, 8));
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment host = arena.allocate(32);
        Refusal.of(SHAPE, () -> kernels.upload(host, foreign.buffer()), buffer);
        Refusal.of(SHAPE, () -> kernels.download(foreign.buffer(), host), buffer);
        Refusal.of(SHAPE, () -> kernels.pack(weight, 0, 1, host), buffer);
      }
      Matrix y = own.columns(0, 1);
      Refusal.of(SHAPE, () -> kernels.copy(weight, weight), buffer);
      Refusal.of(SHAPE, () -> kernels.matmul(weight, own, y, null, false, null), buffer);
      Refusal.of(SHAPE, () -> kernels.embed(batch, weight, own), buffer);
      KvLayer layer = other.layer(DType.F32, 4, 1, 8);
      Refusal.of(SHAPE, () -> kernels.kvAppend(batch, layer, own, own), buffer);
      Refusal.of(SHAPE, () -> kernels.attention(batch, layer, 1, 1, own, own, null), buffer);
      TrainingRows rows = kernels.trainingRows();
      Refusal.of(SHAPE, () -> rows.zero(foreign.buffer(), 0, 4), buffer);
      HostBuffer host = other.keep(other.backend.allocateHost(8));
      Refusal.of(SHAPE, () -> kernels.download(own.buffer(), host, 8), "host buffer is of another");
      Graph graph = other.keep(other.kernels.capture(() -> {}));
      Refusal.of(SHAPE, () -> kernels.launch(graph), "graph was recorded on another backend");
      Event event = other.keep(other.backend.newEvent());
      Event ownEvent = device.keep(device.backend.newEvent());
      Refusal.of(SHAPE, () -> kernels.record(event), "event is of another backend");
      Refusal.of(SHAPE, () -> ownEvent.millisSince(event), "event is of another backend");
    }
  }

  /** A batch is set in the order of the kernels that made it, and of no others. */
  @Test
  void aBatchOfOtherKernels() {
    Kernels other = device.keep(device.backend.newKernels());
    PackedWeight weight = weight(6, 8);
    KvLayer layer = device.layer(DType.F32, 4, 1, 8);
    Matrix x = device.output(2, 8);
    DeviceBuffer ids = device.ones(8);
    String refused = "batch is of other kernels";
    Refusal.of(SHAPE, () -> other.embed(batch, weight, x), refused);
    Refusal.of(SHAPE, () -> other.kvAppend(batch, layer, x, x), refused);
    Refusal.of(SHAPE, () -> other.accept(batch, ids, 0, 1, layer, 1, 0), refused);
    Graph graph = device.keep(kernels.capture(() -> kernels.embed(batch, weight, x)));
    Refusal.of(SHAPE, () -> other.launch(graph), refused);
    kernels.launch(graph);
    kernels.synchronize();
  }

  @Test
  void hostMemoryOfAnotherThread() throws InterruptedException {
    DeviceBuffer buffer = device.vector(new float[4]);
    PackedWeight weight = weight(1, 4);
    CompletableFuture<MemorySegment> taken = new CompletableFuture<>();
    CountDownLatch tried = new CountDownLatch(1);
    Thread owner =
        Thread.ofPlatform()
            .daemon()
            .start(
                () -> {
                  try (Arena confined = Arena.ofConfined()) {
                    taken.complete(confined.allocate(16));
                    tried.await();
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    MemorySegment host = taken.join();
    Class<WrongThreadException> type = WrongThreadException.class;
    Refusal.of(type, () -> kernels.upload(host, buffer), "confined to another thread");
    Refusal.of(type, () -> kernels.download(buffer, host), "confined to another thread");
    Refusal.of(type, () -> kernels.pack(weight, 0, 1, host), "confined to another thread");
    tried.countDown();
    owner.join();
  }
}
