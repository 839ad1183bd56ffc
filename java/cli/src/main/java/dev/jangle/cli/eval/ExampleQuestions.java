package dev.jangle.cli.eval;

import dev.jangle.cli.bench.Question;
import dev.jangle.text.ChatMessage;
import dev.jangle.train.Example;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The questions of a data set's conversations: what the user says in them. */
public final class ExampleQuestions {
  private ExampleQuestions() {}

  /** One for each conversation with a user; the task is the name of its file. */
  public static List<Question> of(List<Example> examples) {
    List<Question> questions = new ArrayList<>();
    for (Example example : examples) {
      List<String> turns = texts(example, "user");
      if (!turns.isEmpty()) {
        Optional<String> system = texts(example, "system").stream().findFirst();
        questions.add(new Question(example.origin(), task(example), system, turns));
      }
    }
    return questions;
  }

  private static List<String> texts(Example example, String role) {
    return example.messages().stream()
        .filter(message -> message.role().equals(role))
        .map(ChatMessage::content)
        .toList();
  }

  private static String task(Example example) {
    String origin = example.origin(); // file:line
    Path file = Path.of(origin.substring(0, origin.lastIndexOf(':')));
    return file.getFileName().toString().replaceFirst("\\.[^.]*$", "");
  }
}
