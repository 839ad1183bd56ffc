package dev.jangle.text;

import java.util.List;
import java.util.Map;

/**
 * A model's chat template: Jinja, with the settings and functions of Hugging Face transformers
 * ({@code trim_blocks}, {@code lstrip_blocks}, {@code raise_exception}, {@code strftime_now},
 * {@code tojson}). Immutable and thread-safe.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class ChatTemplate {
  private ChatTemplate() {}

  /**
   * Parses a template.
   *
   * @param variables more names that the template may use, such as {@code bos_token}
   * @throws TemplateException if it does not parse, or uses what is not supported
   */
  public static ChatTemplate parse(String source, Map<String, String> variables) {
    throw new UnsupportedOperationException();
  }

  /**
   * The conversation as text, special tokens included.
   *
   * @param addGenerationPrompt whether the text ends with the opening of the assistant's answer
   * @throws TemplateException if the template fails or refuses the conversation
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    throw new UnsupportedOperationException();
  }

  /** The template's own text. */
  public String source() {
    throw new UnsupportedOperationException();
  }
}
