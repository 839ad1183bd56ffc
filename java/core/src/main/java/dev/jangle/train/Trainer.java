package dev.jangle.train;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.Kernels;
import dev.jangle.export.Export;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.LoraAdapter;
import dev.jangle.format.LoraConfig;
import dev.jangle.format.ModelConfig;
import dev.jangle.format.Tensor;
import dev.jangle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A training run: a model, data, and a folder for what becomes of them. Where the folder holds a
 * checkpoint of the same run, it goes on from there, with the numbers that it would have had
 * without a break.
 *
 * {@snippet lang="java" :
 * TrainingOptions options = TrainingOptions.defaults().withSteps(200).withSeed(1);
 * try (Trainer trainer =
 *     Trainer.open(Path.of("smollm2"), List.of(Path.of("chats.jsonl")), Path.of("run"), options)) {
 *   trainer.run(
 *       event -> {
 *         if (event instanceof TrainingEvent.Step step) {
 *           System.out.println(step.step() + ": " + step.loss());
 *         }
 *       });
 * }
 * }
 *
 * <p>Weights, gradients and moments are float32. Products are float32 on the CPU; on a GPU their
 * factors are rounded to bf16, and the sums are float32.
 *
 * <p>Holds memory outside the Java heap, and the folder's lock, until closed. One thread at a time,
 * but for {@link #stop}.
 */
public final class Trainer implements AutoCloseable {
  private final TrainingOptions options;
  private final Deque<AutoCloseable> open = new ArrayDeque<>();
  private final RunFolder folder;
  private final TrainingData data;
  private final RunIdentity identity;
  private final Batches batches;
  private final Schedule schedule;
  private final Backend backend;
  private final Kernels kernels;
  private final TrainingState state;
  private final TrainingStep step;
  private final LossWatch watch;
  private final int resumedAt;
  private final Path model;
  private volatile boolean stopping;

  private Trainer(Path model, List<Path> files, Path out, TrainingOptions options)
      throws IOException {
    this.options = options;
    this.model = model;
    if (options.start().isPresent() && options.lora().isEmpty()) {
      throw new IllegalArgumentException("an adapter to begin at, but all weights are trained");
    }
    boolean whole = false;
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      ModelConfig config = checkpoint.config();
      requireContext(config, options);
      try (Tokenizer tokenizer = Tokenizer.open(checkpoint.tokenizer())) {
        data = TrainingData.read(files, tokenizer, options);
      }
      data.requireVocabulary(config.vocabSize());
      batches = new Batches(data.samples(), options.noise(), options.seed(), options.length());
      schedule = schedule(options, batches);
      watch = new LossWatch(config.vocabSize());
      folder = opened(RunFolder.open(out));
      backend = opened(Backend.open(options.backend(), options.threads(), null));
      DType factors = backend.kind() == BackendKind.CUDA ? DType.BF16 : DType.F32;
      String products = factors + " on " + backend.kind();
      identity = RunIdentity.of(checkpoint, files, data, options, schedule.steps(), products);
      kernels = opened(backend.newKernels());
      state = opened(state(checkpoint));
      AdamW usual = AdamW.usual();
      AdamW optimizer =
          new AdamW(usual.beta1(), usual.beta2(), usual.eps(), options.decay(), options.clip());
      step =
          opened(
              new TrainingStep(
                  backend,
                  kernels,
                  factors,
                  config,
                  state,
                  optimizer,
                  batches.places(),
                  options.recompute()));
      resumedAt = resume();
      whole = true;
    } finally {
      if (!whole) {
        close();
      }
    }
  }

  /**
   * Opens a run: reads the data, loads the model, and takes up what the folder holds of it.
   *
   * @param model a GGUF file or a Hugging Face folder
   * @param data files of JSON lines; see {@link DataSet}
   * @param out folder of the run; made where it does not exist
   * @throws IOException where a file is missing or cannot be read
   * @throws DataException where the data cannot be used, or not with this model's tokenizer
   * @throws TrainingException where the folder holds another run, naming what differs, or is in use
   * @throws dev.jangle.format.FormatException where the model or a checkpoint is damaged
   * @throws dev.jangle.backend.BackendException where the backend cannot be used
   * @throws dev.jangle.backend.OutOfDeviceMemoryException where the run does not fit
   * @throws IllegalArgumentException where rows are longer than the model's context
   */
  public static Trainer open(Path model, List<Path> data, Path out, TrainingOptions options)
      throws IOException {
    return new Trainer(model, data, out, options);
  }

  private <T extends AutoCloseable> T opened(T resource) {
    open.push(resource);
    return resource;
  }

  private static void requireContext(ModelConfig config, TrainingOptions options) {
    if (options.length() > config.contextLength()) {
      throw new IllegalArgumentException(
          "rows of %,d tokens; the model was made for at most %,d"
              .formatted(options.length(), config.contextLength()));
    }
  }

  private TrainingState state(Checkpoint checkpoint) throws IOException {
    if (options.lora().isEmpty()) {
      return TrainingState.of(backend, kernels, checkpoint);
    }
    LoraOptions lora = options.lora().get();
    if (options.start().isEmpty()) {
      return TrainingState.adapter(backend, kernels, checkpoint, lora, options.seed());
    }
    LoraAdapter start = LoraAdapter.open(options.start().get(), checkpoint);
    requireSame(lora, start);
    return TrainingState.adapter(backend, kernels, checkpoint, lora, start);
  }

  private static void requireSame(LoraOptions lora, LoraAdapter start) {
    LoraConfig config = start.config();
    float scale = (float) lora.scale();
    if (config.rank() != lora.rank() || config.scale() != scale) {
      // What it is trained with is never rank-stabilized, so that its own alpha may not fit.
      double alpha =
          config.rankStabilized() ? (double) config.scale() * config.rank() : config.alpha();
      throw new TrainingException(
          "%s has rank %d and scale %s, the run has rank %d and scale %s: give rank %d and alpha %s"
              .formatted(
                  start.path(),
                  config.rank(),
                  config.scale(),
                  lora.rank(),
                  scale,
                  config.rank(),
                  alpha));
    }
  }

  private static Schedule schedule(TrainingOptions options, Batches batches) {
    int steps = options.steps();
    if (steps == 0) {
      long rows = batches.rowsOfFirst(options.epochs());
      steps = Math.toIntExact(Math.ceilDiv(rows, options.rows()));
    }
    return new Schedule(options.rate(), (int) (options.warmUp() * steps), steps);
  }

  private int resume() throws IOException {
    Optional<Path> newest = folder.newest();
    if (newest.isEmpty()) {
      return 0;
    }
    RunCheckpoint.Position position = RunCheckpoint.read(newest.get(), kernels, state, identity);
    batches.seek(position.place());
    watch.restore(position.watch());
    return position.step();
  }

  /** Steps of the whole run. */
  public int steps() {
    return schedule.steps();
  }

  /** Steps that are done. */
  public int stepsDone() {
    return (int) state.steps;
  }

  /** The step after which an earlier part of the run was taken up; 0 where it begins. */
  public int resumedAt() {
    return resumedAt;
  }

  /** Samples that are learnt. */
  public int samples() {
    return data.samples().size();
  }

  /** Samples that were cut to the length of a row. */
  public int truncated() {
    return data.truncated();
  }

  /** Samples that were left out for their length. */
  public int dropped() {
    return data.dropped();
  }

  /** Lines of the data that cannot be used, each with file, line and reason. */
  public List<String> badLines() {
    return data.bad();
  }

  /** Where it runs. */
  public Backend backend() {
    return backend;
  }

  /** A line of JSON for each step. */
  public Path log() {
    return folder.log();
  }

  /**
   * Trains to the end, or until {@link #stop}; either way it leaves a checkpoint, and at the end
   * the {@link #result}.
   *
   * @param listener told of each step and checkpoint, on this thread
   * @return whether the run is at its end
   * @throws IOException where a file cannot be written, such as on a full disk; the last checkpoint
   *     is whole
   * @throws TrainingException where the run begins, but an earlier one's result is there; where the
   *     loss is not a number or explodes, naming step and samples: the last checkpoint is kept
   */
  public boolean run(Consumer<TrainingEvent> listener) throws IOException {
    int begun = stepsDone();
    if (begun == 0) {
      if (folder.has(resultName())) {
        throw new TrainingException(
            result() + ": is an earlier run's result; remove it, or train into another folder");
      }
      save(listener); // a full disk or another run's folder is found now, not after hours
    }
    try (RunLog log = RunLog.open(folder.log(), begun)) {
      int saved = begun;
      long start = System.nanoTime();
      while (stepsDone() < steps() && !stopping) {
        TrainingEvent.Step event = advance(begun, start);
        log.add(event);
        listener.accept(event);
        if (stepsDone() % options.checkpointEvery() == 0) {
          log.flush();
          save(listener);
          saved = stepsDone();
        }
      }
      if (saved < stepsDone()) {
        log.flush();
        save(listener);
      }
    }
    boolean finished = stepsDone() == steps();
    // A model's folder appears whole; an adapter's may have been left by a run that was killed.
    if (finished && (options.lora().isPresent() || !folder.has(resultName()))) {
      write(result());
    }
    return finished;
  }

  /**
   * What a finished run leaves in its folder: {@code adapter}, or {@code model} where all weights
   * are trained; see {@link #write}.
   */
  public Path result() {
    return folder.path().resolve(resultName());
  }

  private String resultName() {
    return options.lora().isPresent() ? "adapter" : "model";
  }

  /**
   * Writes what is trained, as it is now: an adapter in PEFT's layout, in bf16; where all weights
   * are trained, a Hugging Face folder, in float32. On the thread that runs it.
   *
   * @param to a folder; a model's must not exist, or be empty
   * @throws IOException where it cannot be written
   * @throws dev.jangle.format.FormatException where the model's tokenizer cannot be written for
   *     transformers
   */
  public void write(Path to) throws IOException {
    if (options.lora().isPresent()) {
      writeAdapter(options.lora().get(), to);
    } else {
      writeModel(to);
    }
  }

  private void writeModel(Path to) throws IOException {
    try (Checkpoint before = Checkpoint.open(model)) {
      Checkpoint now =
          before.map(
              tensor -> {
                float[] values = state.weights.values(kernels, state.layout.slot(tensor.name()));
                return Tensor.of(tensor.name(), DType.F32, tensor.shape(), values);
              });
      Export.huggingFace(now, null, DType.F32, to, (done, total) -> {});
    }
  }

  private void writeAdapter(LoraOptions lora, Path to) throws IOException {
    Map<String, float[]> tensors = new LinkedHashMap<>();
    for (ParameterLayout.Slot slot : state.layout.slots()) {
      tensors.put(slot.name(), state.weights.values(kernels, slot));
    }
    LoraConfig config =
        new LoraConfig(
            lora.rank(),
            lora.alpha(),
            false,
            ParameterLayout.ADAPTED,
            model.toAbsolutePath().getFileName().toString());
    LoraAdapter.write(to, config, DType.BF16, tensors);
  }

  /**
   * Ends {@link #run} after the present step, with a checkpoint. From any thread; a run that is not
   * going on does not begin any more.
   */
  public void stop() {
    stopping = true;
  }

  private void save(Consumer<TrainingEvent> listener) throws IOException {
    int done = stepsDone();
    Path file = folder.checkpoint(done);
    RunCheckpoint.write(
        file,
        kernels,
        state,
        identity,
        new RunCheckpoint.Position(done, batches.place(), watch.state()));
    folder.prune(options.keep());
    listener.accept(new TrainingEvent.Saved(done, file));
  }

  private TrainingEvent.Step advance(int begun, long start) {
    long before = System.nanoTime();
    int index = stepsDone();
    Batches.Place place = batches.place();
    List<PackedBatch> drawn = draw(index);
    double rate = schedule.rate(index);
    TrainingStep.Result result;
    try {
      boolean drafts = options.noise() instanceof NoiseStrategy.OwnDrafts;
      result = step.run(drawn, drafts, rate);
      watch.add(index + 1, result.loss());
    } catch (TrainingException e) {
      throw blamed(e, place);
    }
    long now = System.nanoTime();
    int tokens = drawn.stream().mapToInt(PackedBatch::used).sum();
    long noised =
        drawn.stream().mapToLong(b -> Arrays.stream(b.depths()).filter(d -> d > 0).count()).sum();
    return new TrainingEvent.Step(
        index + 1,
        steps(),
        batches.place().epoch(),
        result.loss(),
        cleanLoss(drawn, result.outcomes()),
        rate,
        result.norm(),
        tokens,
        drawn.stream().mapToInt(PackedBatch::learnt).sum(),
        (double) noised / tokens,
        Denoising.of(drawn, result.outcomes()),
        tokens * 1e9 / (now - before),
        (now - start) / 1e9 / (index + 1 - begun) * (steps() - index - 1));
  }

  private static double cleanLoss(List<PackedBatch> batches, List<LossHead.Outcome> outcomes) {
    double sum = 0;
    int labels = 0;
    for (int b = 0; b < batches.size(); b++) {
      PackedBatch batch = batches.get(b);
      int[] places = batch.labelled();
      for (int label = 0; label < places.length; label++) {
        if (batch.depths()[places[label]] == 0) {
          sum += outcomes.get(b).losses()[label];
          labels++;
        }
      }
    }
    return sum / labels;
  }

  private List<PackedBatch> draw(int index) {
    List<PackedBatch> drawn = new ArrayList<>();
    for (int i = 0; i < options.rows(); i++) {
      drawn.add(batches.next(schedule.progress(index)));
    }
    return drawn;
  }

  /** Names the samples of a step that failed. */
  private TrainingException blamed(TrainingException failure, Batches.Place place) {
    batches.seek(place);
    Map<String, List<String>> lines = new LinkedHashMap<>(); // of each file
    for (int i = 0; i < options.rows(); i++) {
      for (int sample : batches.skip()) {
        String origin = data.origins().get(sample);
        int colon = origin.lastIndexOf(':');
        lines
            .computeIfAbsent(origin.substring(0, colon), file -> new ArrayList<>())
            .add(origin.substring(colon + 1));
      }
    }
    List<String> samples = new ArrayList<>();
    lines.forEach((file, numbers) -> samples.add(file + ":" + String.join(",", numbers)));
    return new TrainingException(
        "%s. Samples of the step: %s. The last checkpoint is kept"
            .formatted(failure.getMessage(), String.join("; ", samples)));
  }

  /** Gives back memory and the folder. Idempotent. */
  @Override
  public void close() {
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (Exception e) {
        throw new IllegalStateException("cannot be closed", e);
      }
    }
  }
}
