package dev.jangle.cli;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import dev.jangle.Model;
import dev.jangle.cli.term.Amounts;
import dev.jangle.cli.term.Progress;
import dev.jangle.cli.term.Terminal;
import dev.jangle.format.Checkpoint;
import dev.jangle.train.DistillOptions;
import dev.jangle.train.DistillOutcome;
import dev.jangle.train.DistillProgress;
import dev.jangle.train.Distillation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code jangle distill}: training data in the model's own words. */
@Command(
    name = "distill",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Replaces the answers of a data set by what the model itself writes, greedily, so that",
      "training on them moves only the ability to denoise. Later turns follow the model's own",
      "earlier answers. An interrupted run goes on where it was with the same command.",
      ""
    },
    optionListHeading = "Options:%n",
    footer = {
      "",
      "Example:",
      "  jangle distill -m smollm2 --data chat.jsonl maths.jsonl --out own-words.jsonl",
      "",
      "Data files are those of jangle train. Beside the output stands OUTPUT.journal, which says",
      "what became of each example; the output needs it only to go on."
    })
final class DistillCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      converter = FileConverter.class,
      arity = "1..*",
      required = true,
      description = "Conversations whose answers are replaced.")
  private List<Path> data;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      required = true,
      description = "Where the new conversations go, in the order of the data.")
  private Path out;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Most tokens of an answer (default: 512).")
  private int maxTokens = DistillOptions.defaults().maxTokens();

  @Option(
      names = "--at-once",
      paramLabel = "N",
      description = "Conversations in each forward pass (default: 8). Changes no answer.")
  private int atOnce = DistillOptions.defaults().atOnce();

  @Option(
      names = "--unfinished",
      paramLabel = "drop|cut",
      description = {
        "What becomes of answers that reach the limit, or loop. drop (default): they are left out;",
        "cut: they end with their last whole sentence or line before that."
      })
  private DistillOptions.Unfinished unfinished = DistillOptions.defaults().unfinished();

  @Option(
      names = "--most-repetition",
      paramLabel = "SHARE",
      description =
          "An answer loops where more than this share of its 3-grams were there before"
              + " (default: 0.4).")
  private double mostRepetition = DistillOptions.defaults().mostRepetition();

  @Spec private CommandSpec spec;

  private final Terminal terminal;

  DistillCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    DistillOptions options = options();
    try (Model opened = model.open(terminal);
        Checkpoint weights = model.openWeights(terminal);
        Progress bar = new Progress(terminal, "examples", Progress.Unit.ITEMS)) {
      long start = System.nanoTime();
      Consumer<DistillProgress> listener =
          progress -> bar.update(progress.done(), progress.total(), speed(progress, start));
      DistillProgress end = Distillation.run(opened, weights, data, out, options, listener);
      bar.close();
      terminal.print(report(end, start));
    }
    return ErrorReport.OK;
  }

  private DistillOptions options() {
    try {
      return DistillOptions.defaults()
          .withMaxTokens(maxTokens)
          .withAtOnce(atOnce)
          .withUnfinished(unfinished)
          .withMostRepetition(mostRepetition);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  private static String speed(DistillProgress progress, long start) {
    double seconds = seconds(start);
    int here = progress.done() - progress.before();
    double left = here == 0 ? Double.NaN : (progress.total() - progress.done()) * seconds / here;
    return "%s tokens/s, %s left"
        .formatted(Amounts.decimal(progress.tokens() / seconds, 1), Amounts.duration(left));
  }

  private String report(DistillProgress end, long start) {
    StringBuilder text = new StringBuilder();
    int kept = end.count(DistillOutcome.KEPT);
    int cut = end.count(DistillOutcome.CUT);
    line(
        text,
        "%s of %s examples in %s",
        Amounts.count(kept + cut),
        Amounts.count(end.total()),
        out);
    if (end.before() > 0) {
      line(text, "%s of all were done by earlier runs", Amounts.count(end.before()));
    }
    part(text, "bad lines, passed over", end.bad());
    part(text, "cut short", cut);
    part(text, "left out, at the limit of tokens", end.count(DistillOutcome.LIMIT));
    part(text, "left out, looping", end.count(DistillOutcome.LOOP));
    part(text, "left out, no answer", end.count(DistillOutcome.EMPTY));
    part(text, "left out, longer than the context", end.count(DistillOutcome.TOO_LONG));
    part(
        text,
        "left out, refused by the chat template or begun with an answer",
        end.count(DistillOutcome.REFUSED));
    part(text, "left out, plain texts", end.count(DistillOutcome.PLAIN_TEXT));
    line(
        text,
        "%s tokens, %s tokens/s",
        Amounts.count(end.tokens()),
        Amounts.decimal(end.tokens() / seconds(start), 1));
    return text.toString();
  }

  private static void part(StringBuilder text, String what, int count) {
    if (count > 0) {
      line(text, "%s: %s", what, Amounts.count(count));
    }
  }

  @FormatMethod
  private static void line(StringBuilder text, @FormatString String format, Object... values) {
    text.append(String.format(Locale.ROOT, format, values)).append('\n');
  }
}
