package dev.jangle.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.JavaProgram;
import dev.jangle.ffi.EmulationSettings;
import dev.jangle.ffi.NativeException;
import dev.jangle.format.DType;
import dev.jangle.model.Workspace;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests tagged noSanitizer make calls of CUDA fail, which compute-sanitizer would report. */
class BackendTest {
  /** Constants of the header that Java has copies of. */
  @Test
  void constantsAreTheHeaders() throws IOException {
    Path header = Path.of(System.getProperty("jangle.root"), "native-build/include/jangle.h");
    String text = Files.readString(header);
    assertEquals(constant(text, "JG_PAGE"), KvLayer.PAGE);
    assertEquals(constant(text, "JG_MAX_TREE"), Workspace.MAX_LOGITS);
    assertEquals(constant(text, "JG_MAX_TREE"), Batch.MAX_TREE);
    assertEquals(constant(text, "JG_OUT_OF_MEMORY"), OutOfDeviceMemoryException.STATUS);
    assertEquals(constant(text, "JG_UNAVAILABLE"), BackendException.UNAVAILABLE);
    assertEquals(constant(text, "JG_DEVICE_LOST"), BackendException.DEVICE_LOST);
    for (DType dtype : DType.values()) {
      assertEquals(constant(text, "JG_" + dtype), dtype.code(), dtype.toString());
    }
    for (Tier tier : EnumSet.range(Tier.SCALAR, Tier.AVX512BF16)) {
      assertEquals(constant(text, "JG_TIER_" + tier.name()), tier.code(), tier.toString());
      assertEquals(tier, Tier.of(tier.code()));
    }
  }

  private static int constant(String header, String name) {
    Matcher matcher =
        Pattern.compile("^#define " + name + " (\\d+)\\b", Pattern.MULTILINE).matcher(header);
    assertTrue(matcher.find(), "jangle.h has no " + name);
    return Integer.parseInt(matcher.group(1));
  }

  @ParameterizedTest
  @MethodSource("dev.jangle.backend.Machine#all")
  void opensWithWhatWasAskedFor(Machine machine) {
    try (Backend backend = machine.open()) {
      assertEquals(Machine.kind(), backend.kind());
      assertEquals(machine.threads(), backend.threads());
      assertEquals(machine.tier(), backend.tier());
      assertFalse(backend.deviceName().isBlank());
      assertTrue(backend.freeBytes() > 0);
    }
  }

  @Test
  void everyProcessorIsUsedByDefault() {
    try (Backend backend = Backend.open(BackendKind.CPU, 0, null)) {
      assertEquals(Math.min(256, Runtime.getRuntime().availableProcessors()), backend.threads());
    }
  }

  /** What the JVM is told here, it finds out by itself in a container. */
  @Test
  void threadsByDefaultAreNoMoreThanTheProcessorsThatTheJvmMayUse()
      throws IOException, InterruptedException {
    List<String> command =
        JavaProgram.command(
            DefaultThreads.class,
            List.of("--enable-native-access=ALL-UNNAMED", "-XX:ActiveProcessorCount=1"));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    assertEquals("1", output.strip());
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 257, Integer.MIN_VALUE, Integer.MAX_VALUE})
  void threadsOutOfRangeAreRefused(int threads) {
    Refusal.of(
        BackendException.class,
        () -> Backend.open(BackendKind.CPU, threads, null),
        "threads",
        Integer.toString(threads));
  }

  @Test
  void aTierThatTheProcessorHasNotIsRefused() {
    Tier best = Machine.tiers().toList().getLast();
    for (Tier tier : EnumSet.range(Tier.SCALAR, Tier.AVX512BF16)) {
      if (tier.compareTo(best) > 0) {
        Refusal.of(
            BackendException.class,
            () -> Backend.open(BackendKind.CPU, 1, tier),
            tier.toString(),
            best.toString());
      }
    }
  }

  @Test
  void probeNamesEveryBackend() {
    List<BackendStatus> all = Backends.probe();
    assertEquals(BackendKind.CPU, all.get(0).kind());
    assertEquals(BackendKind.CUDA, all.get(1).kind());
    assertTrue(all.get(0).available(), all.get(0).reason());
    for (BackendStatus status : all) {
      assertEquals(status.available(), status.reason().isEmpty());
    }
  }

  @Test
  void newMemoryIsZero() {
    try (Device device = new Device(Machine.best(1))) {
      DeviceBuffer buffer = device.keep(device.backend.allocate(100_001));
      assertEquals(100_001, buffer.bytes());
      for (byte value : device.bytes(buffer)) {
        assertEquals(0, value);
      }
    }
  }

  /** More than any machine has, but not more than addresses can name. */
  @Test
  @Tag("noSanitizer")
  void moreMemoryThanThereIsIsRefusedWithNumbers() {
    try (Backend backend = Machine.best(1).open()) {
      for (long bytes : new long[] {1L << 46, 1L << 47, (1L << 48) - 1}) {
        Refusal.of(
            OutOfDeviceMemoryException.class,
            () -> backend.allocate(bytes),
            Long.toString(bytes),
            "free");
      }
    }
  }

  @Test
  @EnabledIfSystemProperty(
      named = "jangle.library.cuda",
      matches = ".*cudasim.*",
      disabledReason = "only the emulation of a GPU pretends that it is lost")
  void aDeviceThatIsLostIsSaidPlainly() {
    try (Device device = new Device(Machine.best(1))) {
      Matrix x = device.output(1, 8);
      EmulationSettings.set(EmulationSettings.LAUNCH_ERROR, 719); // of a kernel that faulted
      Refusal.of(
          BackendException.class,
          () -> device.kernels.residual(x, x),
          "the GPU cannot be used any more",
          "start the process again");
    } finally {
      EmulationSettings.reset(EmulationSettings.LAUNCH_ERROR);
    }
  }

  /** Not for what a buffer holds, but for what a call keeps for itself. */
  @Test
  @Tag("noSanitizer")
  void aBatchThatNoMemoryHoldsIsRefusedLikeABuffer() {
    try (Device device = new Device(Machine.best(1))) {
      Refusal.of(
          OutOfDeviceMemoryException.class,
          () -> device.kernels.newBatch(1 << 20, 1 << 20, 1 << 20).close(),
          "memory");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, 1L << 48, 1L << 62, Long.MIN_VALUE, Long.MAX_VALUE})
  void sizesThatNoMemoryHasAreRefused(long bytes) {
    try (Backend backend = Machine.best(1).open()) {
      Refusal.of(
          RuntimeException.class, () -> backend.allocate(bytes), Long.toString(bytes), "bytes");
    }
  }

  @Test
  @Tag("noSanitizer")
  void weightsThatNoMemoryHoldsAreRefused() {
    try (Device device = new Device(Machine.best(1))) {
      int most = Integer.MAX_VALUE;
      for (DType dtype : DType.values()) {
        long k = dtype.quantized() ? most / 32 * 32L : most;
        assertThrows(
            RuntimeException.class, () -> device.kernels.newWeight(dtype, most, k).close());
      }
      Kernels kernels = device.kernels;
      Refusal.of(NativeException.class, () -> kernels.newWeight(DType.F32, 0, 4).close(), "0 x 4");
      Refusal.of(NativeException.class, () -> kernels.newWeight(DType.F32, 4, -1).close(), "-1");
      Refusal.of(NativeException.class, () -> kernels.newWeight(DType.Q4_0, 4, 33).close(), "33");
    }
  }
}
