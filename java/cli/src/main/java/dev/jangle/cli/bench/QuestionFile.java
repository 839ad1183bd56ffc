package dev.jangle.cli.bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.jangle.cli.term.Failure;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Prompt files in Spec-Bench's layout: a JSON object a line, question_id, category, turns. */
public final class QuestionFile {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final String BUILT_IN = "prompts.jsonl";

  private QuestionFile() {}

  /** The questions that come with Jangle: two for each task of Spec-Bench, texts of our own. */
  public static List<Question> builtIn() throws IOException {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                QuestionFile.class.getResourceAsStream(BUILT_IN), StandardCharsets.UTF_8))) {
      return parse(BUILT_IN, lines);
    }
  }

  /**
   * The questions of a file.
   *
   * @throws Failure naming the file and the line that is wrong
   */
  public static List<Question> read(Path file) throws IOException {
    try (BufferedReader lines = Files.newBufferedReader(file)) {
      return parse(file.toString(), lines);
    } catch (CharacterCodingException e) {
      throw new Failure(file + " is not UTF-8", e);
    }
  }

  private static List<Question> parse(String file, BufferedReader lines) throws IOException {
    List<Question> questions = new ArrayList<>();
    int number = 0;
    for (String line; (line = lines.readLine()) != null; ) {
      number++;
      if (!line.isBlank()) {
        questions.add(question(file + ", line " + number, line));
      }
    }
    if (questions.isEmpty()) {
      throw new Failure(file + " has no questions");
    }
    return questions;
  }

  private static Question question(String where, String line) {
    JsonNode node;
    try {
      node = MAPPER.readTree(line);
    } catch (JsonProcessingException e) {
      throw new Failure(where + ": not JSON: " + e.getOriginalMessage(), e);
    }
    List<String> turns = new ArrayList<>();
    node.path("turns").forEach(turn -> turns.add(turn.isTextual() ? turn.textValue() : ""));
    String category = node.path("category").asText();
    String id = node.path("question_id").asText();
    if (turns.isEmpty() || turns.stream().anyMatch(String::isBlank)) {
      throw new Failure(where + ": turns is missing, or has something other than texts");
    }
    if (category.isEmpty() || id.isEmpty()) {
      throw new Failure(where + ": " + (id.isEmpty() ? "question_id" : "category") + " is missing");
    }
    return new Question(id, category, turns);
  }

  /** {@code count} questions at even distances; all where there are not more. */
  public static List<Question> spread(List<Question> questions, int count) {
    if (count >= questions.size()) {
      return questions;
    }
    List<Question> chosen = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      chosen.add(questions.get((int) ((long) i * questions.size() / count)));
    }
    return chosen;
  }

  /** {@code count} questions of each task at even distances, in the order of the file. */
  public static List<Question> spreadPerTask(List<Question> questions, int count) {
    Map<String, List<Question>> tasks = new LinkedHashMap<>();
    for (Question question : questions) {
      tasks.computeIfAbsent(question.task(), task -> new ArrayList<>()).add(question);
    }
    return tasks.values().stream().flatMap(task -> spread(task, count).stream()).toList();
  }
}
