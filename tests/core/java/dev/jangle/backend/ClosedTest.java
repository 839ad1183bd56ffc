package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.jangle.format.DType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What is closed is refused, and closing twice is nothing. */
class ClosedTest {
  private static final Class<IllegalStateException> TYPE = IllegalStateException.class;

  private final Device device = new Device(Machine.best(2));
  private final Kernels kernels = device.kernels;

  @AfterEach
  void close() {
    device.close();
  }

  @Test
  void buffers() {
    Matrix open = device.output(2, 8);
    Matrix closed = device.output(2, 8);
    closed.buffer().close();
    closed.buffer().close();
    DeviceBuffer weight = device.vector(new float[8]);
    Refusal.of(TYPE, () -> kernels.residual(closed, open), "buffer is closed");
    Refusal.of(TYPE, () -> kernels.residual(open, closed), "buffer is closed");
    Refusal.of(TYPE, () -> kernels.swiglu(open, open, closed), "buffer is closed");
    Refusal.of(TYPE, () -> kernels.rmsnorm(open, 1, closed.buffer(), 1, open), "buffer is closed");
    Refusal.of(TYPE, () -> kernels.rmsnorm(closed, 1, weight, 1, open), "buffer is closed");
    Refusal.of(TYPE, () -> kernels.argmax(open, closed.buffer()), "buffer is closed");
    Refusal.of(TYPE, () -> kernels.topk(open, 1, weight, closed.buffer()), "buffer is closed");
    Refusal.of(TYPE, () -> kernels.copy(closed.buffer(), 0, 4, 4), "buffer is closed");
    Refusal.of(TYPE, () -> kernels.download(closed), "buffer is closed");
  }

  @Test
  void weightsAndScratch() {
    byte[] file = TestData.encode(DType.Q8_0, TestData.normals(1, 8, 32));
    PackedWeight weight = device.weight(DType.Q8_0, 8, 32, file);
    DeviceBuffer scratch = device.scratch(weight, 2);
    Matrix x = device.output(2, 32);
    Matrix y = device.output(2, 8);
    scratch.close();
    Refusal.of(TYPE, () -> kernels.matmul(weight, x, y, null, false, scratch), "buffer is closed");
    weight.close();
    weight.close();
    Refusal.of(TYPE, () -> kernels.matmul(weight, x, y, null, false, null), "buffer is closed");
    Batch batch = device.batch(new int[2], Tree.chain(2, 0), new int[1]);
    Refusal.of(TYPE, () -> kernels.embed(batch, weight, x), "buffer is closed");
  }

  @Test
  void caches() {
    KvLayer layer = device.layer(DType.F32, 1, 1, 8);
    Batch batch = device.batch(new int[2], Tree.chain(2, 0), new int[1]);
    Matrix x = device.output(2, 8);
    layer.buffer().close();
    Refusal.of(TYPE, () -> kernels.kvAppend(batch, layer, x, x), "buffer is closed");
    Refusal.of(TYPE, () -> kernels.attention(batch, layer, 1, 1, x, x, null), "buffer is closed");
    Refusal.of(
        TYPE,
        () -> kernels.kvGather(layer, 1, 0, new int[1], 1, new int[1], new int[1]),
        "buffer is closed");
  }

  @Test
  void batches() {
    Batch batch = device.batch(new int[2], Tree.chain(2, 0), new int[1]);
    KvLayer layer = device.layer(DType.F32, 1, 1, 8);
    Matrix x = device.output(2, 8);
    Matrix table = Matrix.of(device.vector(new float[80]), 10, 8);
    DeviceBuffer ids = device.ones(8);
    batch.close();
    batch.close();
    Refusal.of(
        TYPE, () -> batch.set(new int[1], new int[] {-1}, 0, 1, 0, new int[1]), "batch is closed");
    Refusal.of(TYPE, () -> kernels.kvAppend(batch, layer, x, x), "batch is closed");
    Refusal.of(TYPE, () -> kernels.attention(batch, layer, 1, 1, x, x, null), "batch is closed");
    Refusal.of(TYPE, () -> kernels.rope(batch, 8, table, x), "batch is closed");
    Refusal.of(TYPE, () -> batch.sampling(1, 0, 1, 0, 1), "batch is closed");
    Refusal.of(TYPE, () -> kernels.sample(batch, 0, x, ids, null), "batch is closed");
    Refusal.of(TYPE, () -> kernels.accept(batch, ids, 0, 1, layer, 1, 0), "batch is closed");
  }

  @Test
  void hostBuffers() {
    DeviceBuffer ids = device.ones(8);
    HostBuffer host = device.backend.allocateHost(8);
    kernels.download(ids, host, 8);
    kernels.synchronize();
    int[] values = new int[2];
    host.get(0, values, 2);
    assertArrayEquals(new int[] {-1, -1}, values);
    Refusal.of(IndexOutOfBoundsException.class, () -> kernels.download(ids, host, 12), "12");
    Refusal.of(IndexOutOfBoundsException.class, () -> host.get(1, values, 2));
    Refusal.of(IndexOutOfBoundsException.class, () -> host.get(0, values, 3));
    host.close();
    host.close();
    Refusal.of(TYPE, () -> kernels.download(ids, host, 8), "host buffer is closed");
    Refusal.of(TYPE, () -> host.get(0, values, 1), "host buffer is closed");
  }

  @Test
  void streams() {
    Kernels other = device.backend.newKernels();
    Batch batch = device.keep(other.newBatch(2, 1));
    Matrix x = device.output(2, 8);
    other.close();
    other.close();
    Refusal.of(TYPE, () -> other.residual(x, x), "stream is closed");
    Refusal.of(TYPE, other::synchronize, "stream is closed");
    Refusal.of(TYPE, () -> other.upload(new float[3]).close(), "stream is closed");
    Refusal.of(
        TYPE, () -> batch.set(new int[1], new int[] {-1}, 0, 1, 0, new int[1]), "stream is closed");
  }

  @Test
  void eventsAndGraphs() {
    Event event = device.keep(device.backend.newEvent());
    Event open = device.keep(device.backend.newEvent());
    kernels.record(event);
    kernels.record(open);
    event.close();
    event.close();
    Refusal.of(TYPE, () -> kernels.record(event), "event is closed");
    Refusal.of(TYPE, () -> open.millisSince(event), "event is closed");
    Refusal.of(TYPE, () -> event.millisSince(open), "event is closed");
    Graph graph = kernels.capture(() -> {});
    graph.close();
    graph.close();
    Refusal.of(TYPE, () -> kernels.launch(graph), "graph is closed");
  }

  /** What was recorded works on memory again at each launch. */
  @Test
  void whatAGraphUses() {
    Matrix x = device.output(2, 32);
    Matrix y = device.output(2, 8);
    Graph added = device.keep(kernels.capture(() -> kernels.residual(x, x)));
    byte[] file = TestData.encode(DType.Q8_0, TestData.normals(1, 8, 32));
    PackedWeight weight = device.weight(DType.Q8_0, 8, 32, file);
    DeviceBuffer scratch = device.scratch(weight, 2);
    Graph multiplied =
        device.keep(kernels.capture(() -> kernels.matmul(weight, x, y, null, false, scratch)));
    HostBuffer host = device.keep(device.backend.allocateHost(8));
    Graph downloaded = device.keep(kernels.capture(() -> kernels.download(y.buffer(), host, 8)));
    Batch batch = device.batch(new int[2], Tree.chain(2, 0), new int[1]);
    Graph embedded = device.keep(kernels.capture(() -> kernels.embed(batch, weight, x)));
    for (Graph graph : new Graph[] {added, multiplied, downloaded, embedded}) {
      kernels.launch(graph);
    }
    kernels.synchronize();
    batch.close();
    Refusal.of(TYPE, () -> kernels.launch(embedded), "batch is closed");
    host.close();
    Refusal.of(TYPE, () -> kernels.launch(downloaded), "host buffer is closed");
    scratch.close();
    Refusal.of(TYPE, () -> kernels.launch(multiplied), "device buffer is closed");
    kernels.launch(added);
    kernels.synchronize();
    x.buffer().close();
    Refusal.of(TYPE, () -> kernels.launch(added), "device buffer is closed");
  }

  @Test
  void backends() {
    Backend backend = Machine.best(2).open();
    Kernels made = backend.newKernels();
    DeviceBuffer buffer = made.upload(new float[64]);
    Matrix x = Matrix.of(buffer, 1, 64);
    backend.close();
    backend.close();
    Refusal.of(TYPE, () -> backend.allocate(8).close(), "backend is closed");
    Refusal.of(TYPE, backend::freeBytes, "backend is closed");
    Refusal.of(TYPE, () -> backend.newKernels().close(), "backend is closed");
    Refusal.of(TYPE, () -> made.residual(x, x), "backend is closed");
    Refusal.of(TYPE, () -> made.packBytes(DType.F32, 1, 1), "backend is closed");
    Refusal.of(TYPE, buffer::close, "backend is closed");
    made.close();
  }
}
