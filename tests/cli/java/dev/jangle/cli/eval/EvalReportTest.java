package dev.jangle.cli.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.jangle.Decoding;
import dev.jangle.DraftKind;
import dev.jangle.cache.ContextFullException;
import dev.jangle.cli.bench.Answer;
import dev.jangle.cli.bench.Answerer;
import dev.jangle.cli.bench.Question;
import dev.jangle.text.ChatMessage;
import dev.jangle.train.Denoising;
import dev.jangle.train.Evaluation;
import dev.jangle.train.Example;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Figures against ones that are worked out by hand. */
class EvalReportTest {
  private static final List<Decoding> PRESETS = List.of(Decoding.JACOBI, Decoding.AUTO);

  private static final List<Question> QUESTIONS =
      List.of(
          new Question("1", "writing", List.of("a")),
          new Question("2", "qa", List.of("b")),
          new Question("2", "qa", List.of("c")), // files may name two questions alike
          new Question("4", "qa", List.of("d")));

  private static Answer answer(List<Integer> tokens, int steps, long accepted) {
    return new Answer(
        tokens,
        1,
        5,
        1,
        1,
        steps,
        6L * steps,
        List.of(),
        List.of(),
        Map.of(DraftKind.JACOBI, accepted));
  }

  private static List<Integer> tokens(boolean loop) {
    return IntStream.range(0, 20).map(i -> loop ? i % 2 : i).boxed().toList();
  }

  /**
   * Accepts in 10 steps one draft more at each question, and twice as many with AUTO; loops at one
   * question and cannot take another.
   */
  private static List<Trial> trials(String loop, String tooLong) {
    Answerer answerer =
        (question, preset) -> {
          String turn = question.turns().getFirst();
          if (turn.equals(tooLong) && preset == Decoding.AUTO) {
            throw new ContextFullException("full");
          }
          int number = turn.charAt(0) - 'a' + 1;
          return answer(
              tokens(turn.equals(loop)), 10, preset == Decoding.AUTO ? 2L * number : number);
        };
    List<Integer> done = new ArrayList<>();
    List<Trial> trials = Trials.run(answerer, PRESETS, QUESTIONS, done::add);
    assertEquals(List.of(1, 2, 3, 4), done);
    return trials;
  }

  private static EvalReport report() {
    Evaluation heldOut =
        new Evaluation(3, 70, 1.5, new Denoising(List.of(1, 2, 0, 0, 0), List.of(4, 4, 4, 4, 0)));
    return new EvalReport(
        PRESETS,
        32,
        List.of(
            new ModelFigures("msn", "GGUF", Optional.of(heldOut), trials("b", "-")),
            new ModelFigures("sft", "GGUF", Optional.of(heldOut), trials("-", "d"))));
  }

  @Test
  void twoModelsAreComparedOnTheSameQuestions() {
    EvalReport report = report();
    assertEquals(List.of(0, 1, 2), report.all(), "one of the two could not take the last");
    assertEquals(List.of(0, 2), report.withoutLoops(), "one of the two looped");
    assertEquals(Map.of("chat", List.of(0), "qa", List.of(1, 2)), report.byTask());
    ModelFigures first = report.models().getFirst();
    assertEquals(1.2, first.acceptance(Decoding.JACOBI, report.all()).meanAcceptanceLength());
    assertEquals(1.4, first.acceptance(Decoding.AUTO, report.all()).meanAcceptanceLength());
    assertEquals(
        1.2, first.acceptance(Decoding.JACOBI, report.withoutLoops()).meanAcceptanceLength());
    double loop = 1 - 2 / 18.0; // two distinct of 18 3-grams
    assertEquals(loop / 3, first.acceptance(Decoding.JACOBI, report.all()).repetition(), 1e-12);
    assertTrue(Double.isNaN(first.acceptance(Decoding.AUTO, List.of()).meanAcceptanceLength()));
  }

  @Test
  void bothFormsSayTheSame() {
    JsonNode json = EvalJson.of(report());
    assertEquals(3, json.get("questions").asInt());
    assertEquals(1, json.get("looping").asInt());
    JsonNode model = json.get("models").get(0);
    assertEquals(1.5, model.get("clean_loss").asDouble());
    assertEquals(0.5, model.get("denoising").get(1).get("top1").asDouble());
    assertTrue(model.get("denoising").get(4).get("top1").isNull(), "no label at that depth");
    JsonNode auto = model.get("acceptance").get("auto");
    assertEquals(1.4, auto.get("all").get("mean_acceptance_length").asDouble());
    assertEquals(1.5, auto.get("by_category").get("qa").get("mean_acceptance_length").asDouble());
    assertEquals(2, auto.get("without_loops").get("questions").asInt());

    List<String> lines = EvalText.of(report()).lines().map(String::strip).toList();
    assertTrue(lines.contains("A  msn, GGUF"), lines::toString);
    assertTrue(
        lines.stream().anyMatch(line -> line.contains("segments of 5 random tokens, 4 places")),
        lines::toString);
    assertTrue(has(lines, "clean loss", "1.5000", "1.5000", "1.000"), lines::toString);
    assertTrue(has(lines, "denoising top-1, noise 2", "0.500", "0.500"), lines::toString);
    assertTrue(has(lines, "qa", "2", "1.500", "1.500", "1.000"), lines::toString);
    assertTrue(has(lines, "without 1 loops", "2", "1.400", "1.400"), lines::toString);
  }

  private static boolean has(List<String> lines, String name, String... cells) {
    String pattern = "\\Q" + name + "\\E\\s+" + String.join("\\s+", cells) + "\\b.*";
    return lines.stream().anyMatch(line -> line.matches(pattern));
  }

  @Test
  void otherTokensOfAPresetAreCounted() {
    Answerer wrong =
        (question, preset) ->
            answer(
                question.id().equals("4") && preset == Decoding.AUTO ? List.of(1) : List.of(2),
                1,
                0);
    List<Trial> trials = Trials.run(wrong, PRESETS, QUESTIONS, done -> {});
    EvalReport report =
        new EvalReport(PRESETS, 32, List.of(new ModelFigures("x", "y", Optional.empty(), trials)));
    assertEquals(1, report.differing());
    assertFalse(EvalText.of(report).contains("A/B"), "there is no second model");
  }

  @Test
  void conversationsBecomeQuestions() {
    List<Example> examples =
        List.of(
            new Example(
                "some/held.out.jsonl:7",
                List.of(
                    new ChatMessage("system", "Be brief."),
                    new ChatMessage("user", "Hi"),
                    new ChatMessage("assistant", "Hello"),
                    new ChatMessage("user", "Why?"),
                    new ChatMessage("assistant", "Because."))),
            new Example("some/held.out.jsonl:8", List.of(new ChatMessage(Example.TEXT, "x"))));
    assertEquals(
        List.of(
            new Question(
                "some/held.out.jsonl:7",
                "held.out",
                Optional.of("Be brief."),
                List.of("Hi", "Why?"))),
        ExampleQuestions.of(examples));
  }
}
