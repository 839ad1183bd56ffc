package dev.jangle.cli.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.OutOfDeviceMemoryException;
import dev.jangle.format.DType;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How measurements take their memory and their turns. */
class MeasuringTest {
  private final Backend backend = Backend.open(BackendKind.CPU, 2, null);
  private final Kernels kernels = backend.newKernels();

  @AfterEach
  void close() {
    kernels.close();
    backend.close();
  }

  /** Calls that only note which turns they had. */
  private static final class Noted implements Work {
    final List<Integer> turns = new ArrayList<>();

    @Override
    public int turns(int rows) {
      return 40;
    }

    @Override
    public void call(int rows, int turn) {
      turns.add(turn);
    }

    @Override
    public long bytes(int rows) {
      return 1;
    }
  }

  @Test
  void everyBufferHasItsTurn() {
    for (int mostCalls : new int[] {1, 3, 40, 1000}) {
      Noted work = new Noted();
      Effort effort = new Effort(0, 2, 1, mostCalls, 64, 64);
      assertEquals(
          2, new Stopwatch(backend, kernels, effort).measure(work, new int[] {1, 2}).size());
      // Of each lane two calls to warm up, then all turns in order; the last sample may go on.
      assertEquals(List.of(0, 39), work.turns.subList(0, 2));
      for (int turn = 0; turn < 40; turn++) {
        assertEquals(turn, work.turns.get(2 + turn));
        int wanted = turn;
        assertTrue(work.turns.stream().filter(had -> had == wanted).count() >= 2, "turn " + turn);
      }
    }
  }

  @Test
  void buffersThatTakeTurnsAreMoreThanTheCache() {
    Effort effort = Effort.full(backend, 1);
    assertEquals(4 * backend.cacheBytes(), effort.rotatedBytes());
    assertEquals(1, effort.turns(effort.rotatedBytes() + 5));
    assertEquals(4, effort.turns(backend.cacheBytes()));
    assertEquals(5, effort.turns(backend.cacheBytes() - 1));
    assertEquals(4096, effort.turns(1));
  }

  @Test
  void memoryThatIsNotFreeIsNotTaken() {
    try (DeviceMemory memory = new DeviceMemory(backend, kernels)) {
      long bytes = backend.freeBytes() + (1L << 30);
      String message =
          assertThrows(OutOfDeviceMemoryException.class, () -> memory.empty(bytes)).getMessage();
      assertTrue(message.contains("GB") && message.contains("free"), message);
    }
  }

  @Test
  void whatDoesNotFitIsLeftOutWithItsReason() {
    ModelShape huge = new ModelShape("huge", 1 << 14, 64, 1, 4, 2, 16, 1 << 30, 70);
    List<Subject> subjects =
        Subject.of(List.of(huge, ModelShape.TINY), List.of(Operation.EMBED), List.of(DType.F16));
    List<Integer> done = new ArrayList<>();
    KernelReport report =
        new KernelBench(backend, "cpu", 0, new int[] {1}).run(subjects, done::add);
    assertEquals(List.of(1, 2), done);
    assertEquals(1, report.results().size());
    assertEquals(1, report.skipped().size());
    assertEquals(subjects.getFirst(), report.skipped().getFirst().subject());
    String text = KernelText.of(report);
    assertTrue(text.contains("left out: huge, embed [1073741824][16384] f16: it needs"), text);
    assertTrue(KernelJson.of(report).get("skipped").get(0).get("reason").asText().contains("free"));
  }
}
