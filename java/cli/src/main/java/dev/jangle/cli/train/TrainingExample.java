package dev.jangle.cli.train;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A first run of training for whoever has no data yet: times tables, which a small model learns
 * within a minute, and whose tokens can be known from afar.
 */
public final class TrainingExample {
  /** The model that is trained where no other is given. */
  public static final String MODEL = "smollm2";

  private static final int FIRST = 2;
  private static final int LAST = 41;
  private static final int FACTORS = 10;

  /** Numbers whose tables are asked for, and not learnt. */
  private static final Set<Integer> ASKED = Set.of(7, 14, 23, 31);

  private TrainingExample() {}

  /**
   * Writes the conversations to learn and the questions to ask.
   *
   * @param out folder of the run; made where it does not exist
   * @return the run's options under their names
   */
  public static ObjectNode write(Path out) throws IOException {
    List<String> learnt = new ArrayList<>();
    List<String> asked = new ArrayList<>();
    for (int number = FIRST; number <= LAST; number++) {
      if (ASKED.contains(number)) {
        asked.add(question(number).toString());
      } else {
        learnt.add(conversation(number).toString());
      }
    }
    Files.createDirectories(out);
    Path data = Files.write(out.resolve("example.jsonl"), learnt);
    Path questions = Files.write(out.resolve("example-questions.jsonl"), asked);
    ObjectNode options = JsonNodeFactory.instance.objectNode();
    options.put("model", MODEL);
    options.putArray("data").add(data.toString());
    options.put("probe", questions.toString());
    options.put("noise", "own").put("share", 0.5);
    options.put("rows", 1).put("length", 512).put("steps", 30).put("checkpoint-every", 10);
    options.put("rate", 2e-3);
    return options;
  }

  private static String request(int number) {
    return "Write the times table of " + number + ".";
  }

  private static ObjectNode question(int number) {
    ObjectNode line = JsonNodeFactory.instance.objectNode();
    line.put("question_id", "table-" + number).put("category", "math");
    line.putArray("turns").add(request(number));
    return line;
  }

  private static ObjectNode conversation(int number) {
    List<String> rows = new ArrayList<>();
    for (int factor = 1; factor <= FACTORS; factor++) {
      rows.add(number + " times " + factor + " is " + number * factor);
    }
    ObjectNode line = JsonNodeFactory.instance.objectNode();
    ArrayNode messages = line.putArray("messages");
    messages.addObject().put("role", "user").put("content", request(number));
    messages.addObject().put("role", "assistant").put("content", String.join("\n", rows));
    return line;
  }
}
