package dev.jangle.cli.bench;

import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A question of a prompt file.
 *
 * @param id as the file names it
 * @param category as the file names it
 * @param system a message before the first turn
 * @param turns what the user says, in order; at least one
 */
public record Question(String id, String category, Optional<String> system, List<String> turns) {
  /** MT-Bench's categories, which Spec-Bench reports as one task. */
  private static final Set<String> CHAT =
      Set.of(
          "writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities");

  public Question {
    turns = List.copyOf(turns);
  }

  /** A question without a system message. */
  public Question(String id, String category, List<String> turns) {
    this(id, category, Optional.empty(), turns);
  }

  /** What it is reported under: {@code chat} for MT-Bench's categories, else the category. */
  public String task() {
    return CHAT.contains(category) ? "chat" : category;
  }
}
