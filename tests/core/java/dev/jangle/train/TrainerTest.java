package dev.jangle.train;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.TinyFolder;
import dev.jangle.backend.Machine;
import dev.jangle.format.Adapters;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.FormatException;
import dev.jangle.format.LoraAdapter;
import dev.jangle.format.LoraConfig;
import dev.jangle.format.SafetensorsFile;
import dev.jangle.format.TensorFloats;
import dev.jangle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole runs on the backend under test; too many for emulated kernels, but not for a GPU. */
class TrainerTest {
  @TempDir Path folder;
  private TinyRun tiny;
  private Path out;

  @BeforeEach
  void prepare() throws IOException {
    tiny = new TinyRun(folder);
    out = folder.resolve("run");
  }

  static Stream<TrainingOptions> runs() {
    TrainingOptions all = TinyRun.options();
    return Stream.of(
        all,
        all.withNoise(new NoiseStrategy.Progressive(3, 0.3)),
        all.withLora(new LoraOptions(4, 8)).withRate(2e-2),
        all.withNoise(new NoiseStrategy.OwnDrafts(3, 0.3, 0.5)));
  }

  @ParameterizedTest
  @MethodSource("runs")
  void aResumedRunEqualsAnUninterruptedOne(TrainingOptions options) throws IOException {
    List<TrainingEvent.Step> whole = tiny.run(out, options, 0);
    assertEquals(12, whole.size());
    assertTrue(whole.getLast().loss() < whole.getFirst().loss() - 0.5, whole.toString());
    assertTrue(whole.getLast().epoch() > 0, "the run is to cross epochs");

    Path other = folder.resolve("other");
    // What changes no bit may change.
    TrainingOptions second = options.withRecompute(true).withThreads(3).withKeep(5);
    List<TrainingEvent.Step> parts = new ArrayList<>(tiny.run(other, options, 3));
    assertEquals(3, parts.size());
    parts.addAll(tiny.run(other, second, 7));
    parts.addAll(tiny.run(other, options, 0));
    assertEquals(whole, parts);
    String last = "checkpoint-000012.safetensors";
    assertArrayEquals(
        Files.readAllBytes(out.resolve(last)), Files.readAllBytes(other.resolve(last)));
    assertEquals(List.of(), tiny.run(other, options, 0), "the run is at its end");
  }

  @Test
  void aFinishedRunLeavesTheAdapterOfItsLastCheckpoint() throws IOException {
    TrainingOptions options = TinyRun.options().withLora(new LoraOptions(4, 8)).withRate(2e-2);
    tiny.run(out, options, 3);
    assertFalse(Files.exists(out.resolve("adapter")), "the run is not at its end");
    tiny.run(out, options, 0);
    try (Checkpoint base = Checkpoint.open(tiny.model);
        SafetensorsFile last = SafetensorsFile.open(out.resolve("checkpoint-000012.safetensors"));
        SafetensorsFile written =
            SafetensorsFile.open(out.resolve("adapter/adapter_model.safetensors"))) {
      LoraAdapter adapter = LoraAdapter.open(out.resolve("adapter"), base);
      assertEquals(2, adapter.config().scale());
      assertEquals(7 * base.config().layers(), adapter.weights());
      assertEquals(14 * base.config().layers(), written.tensors().size());
      for (String name : written.tensors().keySet()) {
        float[] trained = TensorFloats.of(last.tensor(name));
        float[] found = TensorFloats.of(written.tensor(name));
        for (int i = 0; i < trained.length; i++) {
          assertEquals(trained[i], found[i], Math.abs(trained[i]) / 256, name); // bf16
        }
      }
    }
  }

  @Test
  void aRunGoesOnFromAnAdapter() throws IOException {
    TrainingOptions options = TinyRun.options().withLora(new LoraOptions(4, 8)).withRate(2e-2);
    tiny.run(out, options, 0);
    Path adapter = out.resolve("adapter");
    Path next = folder.resolve("next");
    TrainingOptions more = options.withStart(adapter).withSeed(8);
    List<TrainingEvent.Step> steps = tiny.run(next, more, 3);
    assertTrue(steps.getFirst().loss() < 4, "it has learnt already: " + steps.getFirst());
    try (SafetensorsFile first =
            SafetensorsFile.open(next.resolve("checkpoint-000000.safetensors"));
        SafetensorsFile start =
            SafetensorsFile.open(adapter.resolve("adapter_model.safetensors"))) {
      for (String name : start.tensors().keySet()) {
        assertArrayEquals(
            TensorFloats.of(start.tensor(name)), TensorFloats.of(first.tensor(name)), name);
      }
    }
    refused(() -> tiny.open(next, options.withSeed(8)), "from is none now, was sha256");
    refused(
        () -> tiny.open(folder.resolve("other"), more.withLora(new LoraOptions(8, 8))),
        "has rank 4 and scale 2.0, the run has rank 8 and scale 1.0: give rank 4 and alpha 8.0");
    assertThrows(
        IllegalArgumentException.class,
        () -> tiny.open(folder.resolve("other"), TinyRun.options().withStart(adapter)));
  }

  /** A third is no float32: the file's strength is rounded, the run's is not. */
  @Test
  void aRunGoesOnFromAnAdapterOfAnyStrength() throws IOException {
    TrainingOptions options = TinyRun.options().withLora(new LoraOptions(3, 4)).withSteps(1);
    tiny.run(out, options, 0);
    TrainingOptions more = options.withStart(out.resolve("adapter"));
    assertEquals(1, tiny.run(folder.resolve("next"), more, 0).size());
  }

  @Test
  void aRankStabilizedAdapterNamesTheAlphaThatFitsIt() throws IOException {
    Path adapter = Adapters.write(folder.resolve("adapter"), tiny.model, 4, 0.02);
    Path config = adapter.resolve("adapter_config.json");
    Files.writeString(
        config, Files.readString(config).replace("rslora\" : false", "rslora\" : true"));
    TrainingOptions options = TinyRun.options().withStart(adapter).withSteps(1);
    refused(
        () -> tiny.open(out, options.withLora(new LoraOptions(4, 8))),
        "has rank 4 and scale 4.0",
        "give rank 4 and alpha 16.0");
    assertEquals(1, tiny.run(out, options.withLora(new LoraOptions(4, 16)), 0).size());
  }

  @Test
  void anAdapterOfTheHeadIsNotGoneOnFrom() throws IOException {
    Path adapter = folder.resolve("adapter");
    try (Checkpoint base = Checkpoint.open(tiny.model)) {
      Map<String, float[]> factors = Adapters.random(base, 4, Adapters.ALL, 0.02);
      factors.put(
          "base_model.model.lm_head.lora_A.weight", new float[4 * base.config().hiddenSize()]);
      factors.put(
          "base_model.model.lm_head.lora_B.weight", new float[base.config().vocabSize() * 4]);
      LoraConfig config = new LoraConfig(4, 8, false, Adapters.ALL, "tiny");
      LoraAdapter.write(adapter, config, DType.F32, factors);
    }
    TrainingOptions options = TinyRun.options().withLora(new LoraOptions(4, 8)).withStart(adapter);
    refused(() -> tiny.open(out, options), adapter + " changes lm_head.weight");
  }

  @Test
  void aFinishedRunOfAllWeightsLeavesTheModel() throws IOException {
    TrainingOptions options = TinyRun.options();
    tiny.run(out, options, 3);
    assertFalse(Files.exists(out.resolve("model")), "the run is not at its end");
    tiny.run(out, options, 0);
    tiny.run(out, options, 0); // is at its end, and leaves the folder as it is
    try (Checkpoint model = Checkpoint.open(out.resolve("model"));
        Tokenizer tokenizer = Tokenizer.open(model.tokenizer());
        SafetensorsFile last = SafetensorsFile.open(out.resolve("checkpoint-000012.safetensors"))) {
      assertEquals(model.config().vocabSize(), tokenizer.vocabSize());
      for (String name : model.names()) {
        assertArrayEquals(
            TensorFloats.of(last.tensor(name)), TensorFloats.of(model.tensor(name)), name);
      }
    }
  }

  /** Else the old weights would pass for those of the new run. */
  @Test
  void anEarlierRunsResultIsNotTakenForThisOnes() throws IOException {
    TrainingOptions options = TinyRun.options().withSteps(1);
    Path model = out.resolve("model");
    tiny.run(out, options, 0);
    byte[] before = Files.readAllBytes(model.resolve("model.safetensors"));
    for (int steps = 0; steps < 2; steps++) {
      Files.delete(out.resolve("checkpoint-00000" + steps + ".safetensors"));
    }
    refused(() -> tiny.run(out, options.withSeed(8), 0), model + ": is an earlier run's result");
    assertArrayEquals(before, Files.readAllBytes(model.resolve("model.safetensors")));

    Path next = folder.resolve("next");
    Files.createDirectories(next.resolve("model"));
    tiny.run(next, options, 0);
    assertArrayEquals(before, Files.readAllBytes(next.resolve("model/model.safetensors")));
  }

  @Test
  void aKilledRunsLogIsWrittenAgain() throws IOException {
    tiny.run(out, TinyRun.options(), 0);
    List<String> whole = withoutTimes(Files.readString(out.resolve("log.jsonl")));
    assertEquals(12, whole.size());
    // As if it had been killed within step 8: lines after the checkpoint, the last one torn.
    Files.delete(out.resolve("checkpoint-000010.safetensors"));
    Files.delete(out.resolve("checkpoint-000012.safetensors"));
    tiny.run(out.resolve("../half"), TinyRun.options(), 5);
    Files.move(
        folder.resolve("half/checkpoint-000005.safetensors"),
        out.resolve("checkpoint-000005.safetensors"));
    Files.writeString(out.resolve("checkpoint-000010.safetensors.part"), "half");
    List<String> lines = Files.readAllLines(out.resolve("log.jsonl"));
    Files.writeString(
        out.resolve("log.jsonl"),
        String.join("\n", lines.subList(0, 7)) + "\n" + lines.get(7).substring(0, 20));
    tiny.run(out, TinyRun.options(), 0);
    assertEquals(whole, withoutTimes(Files.readString(out.resolve("log.jsonl"))));
    assertEquals(
        List.of(
            "checkpoint-000010.safetensors",
            "checkpoint-000012.safetensors",
            "lock",
            "log.jsonl",
            "model"),
        TinyRun.names(out));
  }

  private static List<String> withoutTimes(String log) throws IOException {
    List<String> lines = new ArrayList<>();
    for (String line : log.lines().toList()) {
      JsonNode node = new ObjectMapper().readTree(line);
      ((ObjectNode) node).remove("tokens_per_second");
      lines.add(node.toString());
    }
    return lines;
  }

  @Test
  void theControlLearnsTheSameLabels() throws IOException {
    List<TrainingEvent.Step> noisy = tiny.run(out, TinyRun.options(), 0);
    List<TrainingEvent.Step> control =
        tiny.run(
            folder.resolve("control"), TinyRun.options().withNoise(new NoiseStrategy.None()), 0);
    for (int i = 0; i < noisy.size(); i++) {
      assertEquals(noisy.get(i).tokens(), control.get(i).tokens());
      assertEquals(noisy.get(i).labels(), control.get(i).labels());
      assertEquals(noisy.get(i).rate(), control.get(i).rate());
      assertEquals(0, control.get(i).noised());
      assertTrue(noisy.get(i).noised() > 0.05, noisy.get(i).toString());
      assertTrue(Double.isNaN(control.get(i).denoising().accuracy(1)));
      assertTrue(noisy.get(i).denoising().all().get(0) > 0);
      assertEquals(0, noisy.get(i).denoising().all().get(3), "segments have 3 tokens");
    }
    assertNotEquals(noisy.getFirst().loss(), control.getFirst().loss());
    List<TrainingEvent.Step> own =
        tiny.run(
            folder.resolve("own"),
            TinyRun.options().withNoise(new NoiseStrategy.OwnDrafts(3, 0.3, 0.5)),
            1);
    TrainingEvent.Step step = own.getFirst();
    int branched = step.tokens() - control.getFirst().tokens();
    assertEquals((double) branched / step.tokens(), step.noised(), "noise has places of its own");
    assertTrue(step.denoising().all().get(0) > 0);
    assertEquals(0, step.denoising().all().get(3), "branches have 3 tokens");
  }

  @Test
  void epochsGiveTheNumberOfSteps() throws IOException {
    TrainingOptions options = TinyRun.options().withSteps(0).withEpochs(2).withRows(1);
    List<TrainingEvent.Step> steps = tiny.run(out, options, 0);
    int tokens = steps.stream().mapToInt(TrainingEvent.Step::tokens).sum();
    try (Trainer trainer = tiny.open(folder.resolve("once"), options.withEpochs(1))) {
      int once = trainer.steps();
      assertEquals(steps.size(), trainer.steps() * 2, 2);
      int ofOne = steps.stream().limit(once).mapToInt(TrainingEvent.Step::tokens).sum();
      assertEquals(2 * ofOne, tokens, "each epoch has every sample");
    }
    assertEquals(1, steps.getLast().epoch());
  }

  @Test
  void anotherRunIsRefusedByName() throws IOException {
    TrainingOptions options = TinyRun.options();
    tiny.run(out, options, 1);
    refused(
        () -> tiny.open(out, options.withRate(1e-3).withNoise(new NoiseStrategy.None())),
        "checkpoint-000001.safetensors is a checkpoint of another run",
        "rate is 0.001 now, was 0.002",
        "noise is None[] now, was Segments[length=3, share=0.3]");
    refused(() -> tiny.open(out, options.withSteps(13)), "steps is 13 now, was 12");
    refused(() -> tiny.open(out, options.withSeed(8)), "seed is 8 now, was 7");
    Path more = Files.writeString(folder.resolve("more.jsonl"), TinyRun.lines(3, "a"));
    refused(
        () -> Trainer.open(tiny.model, List.of(tiny.data, more), out, options),
        "data file 2 is more.jsonl, sha256",
        "was none",
        "samples is 27 samples");
    Path model =
        TinyFolder.write(folder.resolve("other"), true, (name, bytes) -> bytes.putFloat(0, 0.125f));
    refused(
        () -> Trainer.open(model, List.of(tiny.data), out, options),
        "model is sha256",
        "was sha256");
    Path scaled = TinyFolder.chat(folder.resolve("scaled"));
    Path config = scaled.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replaceFirst(
                "\\{", "{\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 2.0},"));
    refused(() -> Trainer.open(scaled, List.of(tiny.data), out, options), "model is sha256");
    Files.writeString(tiny.data, TinyRun.lines(24, "or"));
    refused(() -> tiny.open(out, options), "data file 1 is data.jsonl");
  }

  /** A GPU's products are not those of the CPU, so that the losses would be others. */
  @Test
  void aRunDoesNotGoOnWithOtherProducts() throws IOException {
    tiny.run(out, TinyRun.options(), 1);
    Path file = out.resolve("checkpoint-000001.safetensors");
    String here = " on " + Machine.kind();
    String there = " at " + Machine.kind();
    Files.writeString(file, Files.readString(file, ISO_8859_1).replace(here, there), ISO_8859_1);
    refused(
        () -> tiny.open(out, TinyRun.options()), "products is ", here + " now, was ", there + ".");
  }

  private static void refused(Executable executable, String... parts) {
    String message = assertThrows(TrainingException.class, executable).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
  }

  @Test
  void damagedCheckpointsAreRefused() throws IOException {
    tiny.run(out, TinyRun.options(), 1);
    Path file = out.resolve("checkpoint-000001.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    for (int length : new int[] {0, 7, 300, bytes.length / 2, bytes.length - 1}) {
      Files.write(file, Arrays.copyOf(bytes, length));
      FormatException e =
          assertThrows(FormatException.class, () -> tiny.open(out, TinyRun.options()));
      assertTrue(e.getMessage().startsWith(file + ": "), e.getMessage());
    }
    Files.copy(tiny.model.resolve("model.safetensors"), file, StandardCopyOption.REPLACE_EXISTING);
    FormatException foreign =
        assertThrows(FormatException.class, () -> tiny.open(out, TinyRun.options()));
    assertTrue(foreign.getMessage().contains("not a checkpoint of a training run of this version"));
    Files.write(file, bytes);
    assertEquals(11, tiny.run(out, TinyRun.options(), 0).size());
  }

  @Test
  void aFolderHasOneRunAtATime() throws IOException {
    try (Trainer first = tiny.open(out, TinyRun.options())) {
      refused(() -> tiny.open(out, TinyRun.options()), "another run writes there");
      assertEquals(12, first.steps());
    }
    tiny.open(out, TinyRun.options()).close();
    Path file = Files.writeString(folder.resolve("file"), "");
    assertThrows(IOException.class, () -> tiny.open(file, TinyRun.options()));
  }

  @Test
  void aFullDiskLeavesTheLastCheckpoint() throws IOException {
    tiny.run(out, TinyRun.options(), 5);
    byte[] before = Files.readAllBytes(out.resolve("checkpoint-000005.safetensors"));
    try (Trainer trainer = tiny.open(out, TinyRun.options())) {
      Path part = out.resolve("checkpoint-000010.safetensors.part");
      Files.createSymbolicLink(part, Path.of("/dev/full"));
      IOException full = assertThrows(IOException.class, () -> trainer.run(event -> {}));
      assertTrue(full.getMessage().contains("checkpoint-000010.safetensors"), full.getMessage());
      assertTrue(full.getMessage().contains("No space left"), full.getMessage());
    }
    assertArrayEquals(before, Files.readAllBytes(out.resolve("checkpoint-000005.safetensors")));
    assertEquals(
        List.of(
            "checkpoint-000000.safetensors", "checkpoint-000005.safetensors", "lock", "log.jsonl"),
        TinyRun.names(out));
    assertEquals(7, tiny.run(out, TinyRun.options(), 0).size());
  }

  @Test
  void aLossThatIsNoNumberStopsTheRun() throws IOException {
    Path model =
        TinyFolder.write(
            folder.resolve("broken"),
            true,
            (name, bytes) -> {
              if (name.equals("model.norm.weight")) {
                bytes.putFloat(12, Float.NaN);
              }
            });
    try (Trainer trainer = Trainer.open(model, List.of(tiny.data), out, TinyRun.options())) {
      refused(
          () -> trainer.run(event -> {}),
          "step 1: the loss is NaN",
          "Samples of the step: " + folder.resolve("data.jsonl:"));
    }
    assertTrue(Files.exists(out.resolve("checkpoint-000000.safetensors")));
    assertFalse(Files.exists(out.resolve("checkpoint-000001.safetensors")));
  }

  @Test
  void aLossThatExplodesStopsTheRun() {
    TrainingOptions wild = TinyRun.options().withRate(30).withWarmUp(0);
    refused(() -> tiny.run(out, wild, 0), "the loss", "lower the learning rate", "data.jsonl:");
  }

  @Test
  void badLinesAreCountedAndNamed() throws IOException {
    String line = "{\"messages\": [{\"role\": \"user\", \"content\": \"no answer\"}]}\n";
    String text = "{\"text\": \"" + "and the ".repeat(40) + "\"}\n";
    Files.writeString(tiny.data, TinyRun.lines(24, "is") + line + text);
    assertThrows(DataException.class, () -> tiny.open(out, TinyRun.options()));
    TrainingOptions options = TinyRun.options().withMostBad(0.1);
    try (Trainer trainer = tiny.open(out, options)) {
      assertEquals(1, trainer.badLines().size());
      assertTrue(trainer.badLines().get(0).startsWith(tiny.data + ":25: "));
      assertEquals(25, trainer.samples());
      assertEquals(1, trainer.truncated());
    }
    TrainingOptions dropping = options.withTooLong(SampleEncoder.TooLong.DROP);
    try (Trainer trainer = tiny.open(out, dropping)) {
      assertEquals(24, trainer.samples());
      assertEquals(1, trainer.dropped());
    }
    DataException tooShort =
        assertThrows(DataException.class, () -> tiny.open(out, dropping.withLength(8)));
    assertTrue(tooShort.getMessage().contains("longer than 9 tokens"), tooShort.getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () -> tiny.open(out, options.withLength(TinyFolder.CONTEXT + 1)));
  }

  @Test
  void anotherModelsTokenizerIsRefused() throws IOException {
    Path file = tiny.model.resolve("tokenizer.json");
    Files.writeString(
        file,
        Files.readString(file)
            .replace("{\"id\": 2, \"content\"", "{\"id\": 300, \"content\"")
            .replace("\"<|im_end|>\": 2", "\"<|im_end|>\": 300"));
    DataException e = assertThrows(DataException.class, () -> tiny.open(out, TinyRun.options()));
    assertTrue(e.getMessage().contains("token 300, the model knows 288"), e.getMessage());
    assertTrue(e.getMessage().contains("data.jsonl:1: "), e.getMessage());
  }
}
