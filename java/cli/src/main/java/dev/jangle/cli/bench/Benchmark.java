package dev.jangle.cli.bench;

import dev.jangle.Decoding;
import dev.jangle.cache.ContextFullException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Answers every question plainly and with drafts, one right after the other and in changing order,
 * so that a machine that grows slower or faster over time favours neither.
 */
public final class Benchmark {
  private final Answerer answerer;
  private final Decoding decoding;
  private final int rounds;
  private final List<Question> skipped = new ArrayList<>();

  /**
   * @param decoding what is compared with plain decoding
   * @param rounds how often each question is answered each way
   */
  public Benchmark(Answerer answerer, Decoding decoding, int rounds) {
    this.answerer = answerer;
    this.decoding = decoding;
    this.rounds = rounds;
  }

  /**
   * Measures all questions.
   *
   * @param progress told the number of questions that are done
   */
  public List<Measurement> run(List<Question> questions, IntConsumer progress) {
    List<Measurement> measurements = new ArrayList<>();
    for (int i = 0; i < questions.size(); i++) {
      try {
        measurements.add(measure(questions.get(i), i % 2 == 0));
      } catch (ContextFullException e) {
        skipped.add(questions.get(i));
      }
      progress.accept(i + 1);
    }
    return measurements;
  }

  /** Questions that are longer than the context. */
  public List<Question> skipped() {
    return List.copyOf(skipped);
  }

  private Measurement measure(Question question, boolean plainFirst) {
    List<Answer> plain = new ArrayList<>();
    List<Answer> fast = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      if (plainFirst == (round % 2 == 0)) {
        plain.add(answerer.answer(question, Decoding.PLAIN));
        fast.add(answerer.answer(question, decoding));
      } else {
        fast.add(answerer.answer(question, decoding));
        plain.add(answerer.answer(question, Decoding.PLAIN));
      }
    }
    List<Integer> tokens = plain.getFirst().tokens();
    boolean identical =
        plain.stream().allMatch(answer -> answer.tokens().equals(tokens))
            && fast.stream().allMatch(answer -> answer.tokens().equals(tokens));
    return new Measurement(question, median(plain), median(fast), identical);
  }

  /** The answer of median decoding time; of an even number the faster one of the middle. */
  private static Answer median(List<Answer> answers) {
    return answers.stream()
        .sorted(Comparator.comparingLong(Answer::decodeNanos))
        .toList()
        .get((answers.size() - 1) / 2);
  }
}
