package dev.jangle.train;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.TinyFolder;
import dev.jangle.backend.Machine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** A model of two layers, two dozen conversations, and runs of a few milliseconds a step. */
final class TinyRun {
  final Path model;
  final Path data;

  TinyRun(Path folder) throws IOException {
    model = TinyFolder.chat(folder.resolve("model"));
    data = Files.writeString(folder.resolve("data.jsonl"), lines(24, "is"));
  }

  /** Conversations, a line each. */
  static String lines(int count, String word) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < count; i++) {
      List<Map<String, String>> messages =
          List.of(
              Map.of("role", "user", "content", "and " + i + "?"),
              Map.of("role", "assistant", "content", "the " + i + word + " in the " + 2 * i));
      lines
          .append(new ObjectMapper().writeValueAsString(Map.of("messages", messages)))
          .append('\n');
    }
    return lines.toString();
  }

  /** Twelve steps of all weights, a checkpoint after every fifth. */
  static TrainingOptions options() {
    return TrainingOptions.full()
        .withNoise(new NoiseStrategy.Segments(3, 0.3))
        .withRate(2e-3)
        .withSteps(12)
        .withLength(96)
        .withRows(2)
        .withSeed(7)
        .withCheckpointEvery(5)
        .withBackend(Machine.kind())
        .withThreads(1);
  }

  Trainer open(Path out, TrainingOptions options) throws IOException {
    return Trainer.open(model, List.of(data), out, options);
  }

  /** Runs to the end, or until a step; gives the steps without their times. */
  List<TrainingEvent.Step> run(Path out, TrainingOptions options, int until) throws IOException {
    List<TrainingEvent.Step> steps = new ArrayList<>();
    try (Trainer trainer = open(out, options)) {
      Consumer<TrainingEvent> listener =
          event -> {
            if (event instanceof TrainingEvent.Step step) {
              steps.add(withoutTimes(step));
              if (step.step() == until) {
                trainer.stop();
              }
            }
          };
      trainer.run(listener);
    }
    return steps;
  }

  private static TrainingEvent.Step withoutTimes(TrainingEvent.Step step) {
    return new TrainingEvent.Step(
        step.step(),
        step.steps(),
        step.epoch(),
        step.loss(),
        step.cleanLoss(),
        step.rate(),
        step.norm(),
        step.tokens(),
        step.labels(),
        step.noised(),
        step.denoising(),
        0,
        0);
  }

  /** The names in a folder, sorted. */
  static List<String> names(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      return Arrays.asList(
          files.map(file -> file.getFileName().toString()).sorted().toArray(String[]::new));
    }
  }
}
