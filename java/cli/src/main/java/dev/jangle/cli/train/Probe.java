package dev.jangle.cli.train;

import dev.jangle.Decoding;
import dev.jangle.Model;
import dev.jangle.ModelOptions;
import dev.jangle.backend.BackendKind;
import dev.jangle.cli.bench.Answer;
import dev.jangle.cli.bench.ModelAnswerer;
import dev.jangle.cli.bench.Question;
import dev.jangle.train.Trainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Questions that the model answers while it is trained, with Jacobi drafts: how many tokens a pass
 * gives shows what training has come to.
 *
 * @param questions their first turns are asked; at least one
 * @param base the model that is trained
 * @param adapters whether adapters are trained, and not the model's own weights
 * @param backend where to compute
 * @param threads on the CPU
 */
public record Probe(
    List<Question> questions, Path base, boolean adapters, BackendKind backend, int threads) {
  /** Most tokens of an answer: a probe is to take seconds. */
  private static final int MAX_TOKENS = 96;

  public Probe {
    questions = List.copyOf(questions);
  }

  /**
   * Tokens per pass of the model as it is now.
   *
   * @throws IOException where the model cannot be written beside the run's other files
   */
  public double tokensPerPass(Trainer trainer, Path out) throws IOException {
    Path folder = out.resolve("probe-model");
    delete(folder); // what a killed run left
    try {
      trainer.write(folder);
      ModelOptions options = ModelOptions.defaults().withBackend(backend).withThreads(threads);
      try (Model model =
          adapters ? Model.open(base, options.withAdapter(folder)) : Model.open(folder, options)) {
        ModelAnswerer answerer = new ModelAnswerer(model, MAX_TOKENS, false);
        List<Answer> answers =
            questions.stream().map(question -> answerer.answer(question, Decoding.JACOBI)).toList();
        return Answer.meanAcceptanceLength(answers);
      }
    } finally {
      delete(folder);
    }
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> inside = Files.walk(folder)) {
      for (Path path : inside.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
