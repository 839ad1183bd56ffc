package dev.jangle.cli;

import dev.jangle.Decoding;
import dev.jangle.GenerationOptions;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options that say how an answer is written. */
final class SamplingMixin {
  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Most tokens of an answer (default: 256).")
  private int maxTokens = 256;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "0 takes the likeliest token (default); 1 samples as the model says.")
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Sample from the K likeliest tokens (default: 0, all).")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description =
          "Sample from the fewest tokens that together have probability P (default: 1, all).")
  private double topP = 1;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description = "Drop tokens less likely than P times the likeliest (default: 0, none).")
  private double minP;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Of the sampling (default: 0). The same seed gives the same text.")
  private long seed;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End the answer before this text; may be given several times.")
  private List<String> stop = List.of();

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "A system message for the chat template.")
  private String system;

  @Option(
      names = "--raw",
      description = "Take the prompt as it is, without the model's chat template.")
  private boolean raw;

  @Option(
      names = "--decoding",
      paramLabel = "plain|jacobi|paper|auto",
      description = {
        "How tokens are found; it changes the speed, never the text. plain: one per forward pass;",
        "jacobi: one chain of 5 drafts; paper: TR-Jacobi with the tree of arXiv 2406.17404; auto",
        "(default): a tree made for this machine."
      })
  private Decoding decoding = Decoding.AUTO;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  GenerationOptions options() {
    try {
      GenerationOptions options =
          GenerationOptions.defaults()
              .withMaxTokens(maxTokens)
              .withDecoding(decoding)
              .withTemperature(temperature)
              .withTopK(topK)
              .withTopP(topP)
              .withMinP(minP)
              .withSeed(seed)
              .withStop(stop.toArray(new String[0]))
              .withRaw(raw);
      return system == null ? options : options.withSystem(system);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }
}
