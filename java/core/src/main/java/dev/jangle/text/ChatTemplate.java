package dev.jangle.text;

import dev.jangle.text.JinjaNode.Statement;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model's chat template: Jinja, with the settings and functions of Hugging Face transformers
 * ({@code trim_blocks}, {@code lstrip_blocks}, {@code raise_exception}, {@code strftime_now},
 * {@code tojson}). What Jangle does not support is refused with its name and line. A template is
 * not trusted: it sees nothing but the conversation, and what it may compute is limited. Immutable
 * and thread-safe.
 */
public final class ChatTemplate {
  private final String source;
  private final Map<String, String> variables;
  private final List<Statement> statements;

  private ChatTemplate(String source, Map<String, String> variables) {
    this.source = source;
    this.variables = Map.copyOf(variables);
    this.statements = JinjaParser.parse(source);
  }

  /**
   * Parses a template.
   *
   * @param variables more names that the template may use, such as {@code bos_token}
   * @throws TemplateException if it does not parse, or uses what is not supported
   */
  public static ChatTemplate parse(String source, Map<String, String> variables) {
    return new ChatTemplate(source, variables);
  }

  /**
   * The conversation as text, special tokens included.
   *
   * @param addGenerationPrompt whether the text ends with the opening of the assistant's answer
   * @throws TemplateException if the template fails or refuses the conversation
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    return render(messages, addGenerationPrompt, LocalDateTime.now(ZoneId.systemDefault()));
  }

  /**
   * The same.
   *
   * @param now what {@code strftime_now} prints
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt, LocalDateTime now) {
    Map<String, Object> names = new HashMap<>(JinjaFunctions.all(now));
    names.put("tools", JinjaValues.NONE);
    names.put("documents", JinjaValues.NONE);
    names.putAll(variables);
    List<Object> list = new ArrayList<>();
    for (ChatMessage message : messages) {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("role", message.role());
      map.put("content", message.content());
      list.add(map);
    }
    names.put("messages", list);
    names.put("add_generation_prompt", addGenerationPrompt);
    return JinjaRenderer.render(statements, names);
  }

  /** The template's own text. */
  public String source() {
    return source;
  }
}
