package dev.jangle.cli.train;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * A first run of training for whoever has no data yet: counting rhymes, which a small model learns
 * within a minute, and whose words can be known from afar.
 */
public final class TrainingExample {
  /** The model that is trained where no other is given. */
  public static final String MODEL = "smollm2";

  /** What the rhymes are about that are learnt. */
  private static final List<String> LEARNT =
      List.of(
          "cats",
          "crows",
          "frogs",
          "geese",
          "snails",
          "sparrows",
          "squirrels",
          "hens",
          "mice",
          "ducks",
          "robins",
          "ladybirds",
          "beetles",
          "pigeons",
          "doves",
          "lizards",
          "moths",
          "hedgehogs",
          "kittens",
          "puppies",
          "rabbits",
          "magpies",
          "bees",
          "wrens",
          "toads",
          "spiders",
          "ravens",
          "foxes",
          "swallows",
          "butterflies",
          "goats",
          "gulls");

  /** Of what is asked, and not learnt. */
  private static final List<String> ASKED = List.of("owls", "turtles", "dragons", "parrots");

  private static final List<String> NUMBERS = List.of("No", "One", "Two", "Three", "Four", "Five");

  private TrainingExample() {}

  /**
   * Writes the conversations to learn and the questions to ask.
   *
   * @param out folder of the run; made where it does not exist
   * @return the run's options under their names
   */
  public static ObjectNode write(Path out) throws IOException {
    Files.createDirectories(out);
    Path data =
        Files.write(out.resolve("example.jsonl"), lines(LEARNT, TrainingExample::conversation));
    Path questions =
        Files.write(
            out.resolve("example-questions.jsonl"), lines(ASKED, TrainingExample::question));
    ObjectNode options = JsonNodeFactory.instance.objectNode();
    options.put("model", MODEL);
    options.putArray("data").add(data.toString());
    options.put("probe", questions.toString());
    options.put("noise-weight", 1); // there is little to spoil
    options.put("rows", 1).put("length", 256).put("steps", 20).put("checkpoint-every", 10);
    options.put("rate", 2e-3);
    return options;
  }

  private static List<String> lines(List<String> things, Function<String, ObjectNode> line) {
    return things.stream().map(line).map(ObjectNode::toString).toList();
  }

  private static String request(String things) {
    return "Write the counting rhyme of the five " + things + ".";
  }

  private static ObjectNode question(String things) {
    ObjectNode line = JsonNodeFactory.instance.objectNode();
    line.put("question_id", things).put("category", "writing");
    line.putArray("turns").add(request(things));
    return line;
  }

  private static ObjectNode conversation(String things) {
    ObjectNode line = JsonNodeFactory.instance.objectNode();
    ArrayNode messages = line.putArray("messages");
    messages.addObject().put("role", "user").put("content", request(things));
    messages.addObject().put("role", "assistant").put("content", rhyme(things));
    return line;
  }

  private static String rhyme(String things) {
    StringBuilder rhyme = new StringBuilder();
    for (int i = NUMBERS.size() - 1; i > 0; i--) {
      rhyme
          .append(NUMBERS.get(i))
          .append(i == 1 ? " of the " : " ")
          .append(things)
          .append(" on the garden wall,\none goes home, and ")
          .append(NUMBERS.get(i - 1).toLowerCase(Locale.ROOT))
          .append(i == 1 ? " more at all." : " in all.\n");
    }
    return rhyme.toString();
  }
}
