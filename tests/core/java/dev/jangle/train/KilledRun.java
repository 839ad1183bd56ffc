package dev.jangle.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/** A program that trains several runs at once; {@link KilledRunTest} kills it. */
final class KilledRun {
  static final int RUNS = 5;
  static final int STEPS = 200;

  private KilledRun() {}

  static TrainingOptions options(int run) {
    return TinyRun.options().withSteps(STEPS).withRows(1).withCheckpointEvery(4).withSeed(run);
  }

  static Path folder(Path parent, int run) {
    return parent.resolve("run" + run);
  }

  /**
   * Arguments: model, data, folder. Writes a line when a run begins, with the step it is resumed
   * at, and one for each step: the run's number and the step's.
   */
  public static void main(String[] arguments) throws InterruptedException {
    List<Thread> threads =
        IntStream.range(0, RUNS)
            .mapToObj(run -> Thread.ofPlatform().start(() -> train(arguments, run)))
            .toList();
    for (Thread thread : threads) {
      thread.join();
    }
  }

  private static void train(String[] arguments, int run) {
    try (Trainer trainer =
        Trainer.open(
            Path.of(arguments[0]),
            List.of(Path.of(arguments[1])),
            folder(Path.of(arguments[2]), run),
            options(run))) {
      System.out.println(run + " " + trainer.resumedAt());
      trainer.run(
          event -> {
            if (event instanceof TrainingEvent.Step step) {
              System.out.println(run + " " + step.step());
            }
          });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
