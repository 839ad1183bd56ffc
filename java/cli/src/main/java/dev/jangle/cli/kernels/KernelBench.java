package dev.jangle.cli.kernels;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.OutOfDeviceMemoryException;
import dev.jangle.format.DType;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntConsumer;

/** Measures operations one after the other. One thread. */
public final class KernelBench {
  private final Backend backend;
  private final String name;
  private final double seconds;
  private final int[] rows;

  /**
   * For measurements on a backend.
   *
   * @param name of the backend, for the report
   * @param seconds for one operation on one shape
   * @param rows ascending, 1 to 128
   */
  public KernelBench(Backend backend, String name, double seconds, int[] rows) {
    this.backend = backend;
    this.name = name;
    this.seconds = seconds;
    this.rows = rows.clone();
  }

  /** Whether a backend is the CUDA kernels on a CPU, whose times mean nothing. */
  public static boolean isEmulated(Backend backend) {
    return backend.kind() == BackendKind.CUDA && backend.deviceName().startsWith("CUDA emulation");
  }

  /**
   * Measures all subjects.
   *
   * @param done is told after each subject how many are done
   */
  public KernelReport run(List<Subject> subjects, IntConsumer done) {
    boolean tiny =
        isEmulated(backend) || subjects.stream().allMatch(s -> s.model().equals(ModelShape.TINY));
    Effort effort = tiny ? Effort.tiny(seconds) : Effort.full(backend, seconds);
    try (Kernels kernels = backend.newKernels();
        DeviceMemory shared = new DeviceMemory(backend, kernels)) {
      Cublas cublas = null;
      String missing = "";
      try {
        cublas = openCublas(shared);
      } catch (Cublas.Missing e) {
        missing = e.getMessage();
      }
      try {
        return run(subjects, done, kernels, effort, cublas, missing);
      } finally {
        if (cublas != null) {
          kernels.synchronize();
          cublas.close();
        }
      }
    }
  }

  private Cublas openCublas(DeviceMemory shared) throws Cublas.Missing {
    if (backend.kind() == BackendKind.CPU) {
      return null;
    }
    // Memory of an emulated device is no GPU's; a stand-in for cuBLAS may be named, in tests.
    if (isEmulated(backend) && System.getProperty(Cublas.PROPERTY) == null) {
      throw new Cublas.Missing("the device is an emulation");
    }
    return Cublas.open(shared);
  }

  private KernelReport run(
      List<Subject> subjects,
      IntConsumer done,
      Kernels kernels,
      Effort effort,
      Cublas cublas,
      String missing) {
    Set<DType> multiplied = EnumSet.noneOf(DType.class);
    for (Subject subject : subjects) {
      if (subject.operation() == Operation.MATMUL || subject.operation() == Operation.ATTENTION) {
        multiplied.add(subject.format());
      }
    }
    Ceilings ceilings = new CeilingsMeter(backend, kernels, effort).measure(multiplied, cublas);
    List<KernelResult> results = new ArrayList<>();
    List<KernelReport.Skipped> skipped = new ArrayList<>();
    for (int i = 0; i < subjects.size(); i++) {
      Subject subject = subjects.get(i);
      try {
        results.addAll(measure(subject, kernels, effort, cublas, ceilings));
      } catch (OutOfDeviceMemoryException e) {
        skipped.add(new KernelReport.Skipped(subject, e.getMessage()));
      }
      done.accept(i + 1);
    }
    return new KernelReport(
        name,
        backend.deviceName(),
        backend.tier().toString(),
        backend.threads(),
        backend.cacheBytes(),
        effort.rotatedBytes(),
        ceilings,
        cublas == null ? "" : cublas.version(),
        missing,
        results,
        skipped);
  }

  private List<KernelResult> measure(
      Subject subject, Kernels kernels, Effort effort, Cublas cublas, Ceilings ceilings) {
    Stopwatch stopwatch = new Stopwatch(backend, kernels, effort);
    int mostRows = rows[rows.length - 1];
    List<Spread> times;
    List<KernelResult> results = new ArrayList<>();
    List<Spread> theirs = List.of();
    if (cublas != null && subject.operation() == Operation.MATMUL && Cublas.has(subject.format())) {
      try (DeviceMemory memory = new DeviceMemory(backend, kernels)) {
        theirs =
            stopwatch.measure(
                new CublasWork(
                    cublas, memory, effort, subject.format(), subject.n(), subject.k(), mostRows),
                rows);
      }
    }
    try (DeviceMemory memory = new DeviceMemory(backend, kernels)) {
      Work work = work(subject, memory, effort, mostRows);
      times = stopwatch.measure(work, rows);
      for (int i = 0; i < rows.length; i++) {
        long bytes = work.bytes(rows[i]);
        double flops = work.flops(rows[i]);
        results.add(
            new KernelResult(
                subject,
                rows[i],
                bytes,
                flops,
                ceilings.memoryMicros(bytes),
                ceilings.computeMicros(subject.format(), flops),
                bytes * work.turns(rows[i]) < 2 * backend.cacheBytes(),
                times.get(i),
                theirs.isEmpty() ? null : theirs.get(i)));
      }
    }
    return results;
  }

  private static Work work(Subject subject, DeviceMemory memory, Effort effort, int mostRows) {
    ModelShape model = subject.model();
    DType format = subject.format();
    return switch (subject.operation()) {
      case MATMUL -> new MatmulWork(memory, effort, format, subject.n(), subject.k(), mostRows);
      case EMBED -> new EmbedWork(memory, model, format, mostRows);
      case ROPE, KV_APPEND, ATTENTION, KV_GATHER ->
          new CacheWork(memory, effort, model, subject.operation(), format, mostRows);
      case RMSNORM, SWIGLU, RESIDUAL, ARGMAX, TOPK, SAMPLE ->
          new RowWork(memory, effort, model, subject.operation(), mostRows);
    };
  }
}
