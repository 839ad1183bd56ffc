package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Chat templates render as transformers renders them. */
final class ChatTemplateTest {
  private static final List<ChatMessage> MESSAGES =
      List.of(
          new ChatMessage("system", " Be kind. "),
          new ChatMessage("user", "Hello <b> & 'you'"),
          new ChatMessage("assistant", "a-b c\nd"));

  @ParameterizedTest
  @CsvSource({
    "smollm2, <|im_start|>, <|im_end|>",
    "llama3, <|begin_of_text|>, <|eot_id|>",
    "llama3.1, <|begin_of_text|>, <|eot_id|>",
    "qwen2.5, , <|im_end|>",
    "qwen3, , <|im_end|>",
    "mistral-v0.3, <s>, </s>",
    "tinyllama, <s>, </s>"
  })
  void rendersAsTransformers(String family, String bos, String eos) throws IOException {
    Map<String, String> names =
        bos == null ? Map.of("eos_token", eos) : Map.of("bos_token", bos, "eos_token", eos);
    ChatTemplate template =
        ChatTemplate.parse(Fixtures.text("templates/" + family + ".jinja"), names);
    List<JsonNode> rows = Fixtures.rows("templates/" + family + ".jsonl");
    assertEquals(44, rows.size());
    for (JsonNode row : rows) {
      List<ChatMessage> messages = Fixtures.messages(row.get("messages"));
      boolean generation = row.get("generation").booleanValue();
      if (row.has("error")) {
        TemplateException e =
            assertThrows(
                TemplateException.class,
                () -> template.render(messages, generation),
                row::toString);
        assertTrue(e.getMessage().contains(row.get("error").textValue()), e.getMessage());
      } else {
        assertEquals(
            row.get("expected").textValue(), template.render(messages, generation), row::toString);
      }
    }
  }

  @Test
  void theLanguageIsJinja() throws IOException {
    List<JsonNode> rows = Fixtures.rows("jinja.jsonl");
    assertTrue(rows.size() > 120);
    for (JsonNode row : rows) {
      String source = row.get("source").textValue();
      if (row.has("error")) {
        assertThrows(TemplateException.class, () -> render(source), source);
      } else {
        assertEquals(row.get("expected").textValue(), render(source), source);
      }
    }
  }

  @Test
  void sourceIsTheTemplatesOwnText() {
    assertEquals("a\n{{ 1 }}\n", ChatTemplate.parse("a\n{{ 1 }}\n", Map.of()).source());
  }

  @Test
  void theDateComesFromTheClock() {
    ChatTemplate template =
        ChatTemplate.parse(
            "{{ strftime_now('%d %b %Y|%-d %B %y %A %H:%M:%S %j %p %I') }}",
            Map.of(), () -> LocalDateTime.of(2025, 3, 7, 16, 5, 9));
    assertEquals(
        "07 Mar 2025|7 March 25 Friday 16:05:09 066 PM 04", template.render(List.of(), false));
  }

  /** Text of a message is never executed. */
  @Test
  void contentIsNotATemplate() {
    ChatTemplate template = ChatTemplate.parse("{{ messages[0].content }}", Map.of());
    String content = "{{ 1 + 1 }}{% if true %}{{ raise_exception('x') }}{% endif %}";
    assertEquals(content, template.render(List.of(new ChatMessage("user", content)), false));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "a\\n{% include 'x' %} ; 2 ; 'include'",
        "{% block x %}{% endblock %} ; 1 ; 'block'",
        "a\\nb\\n{{ x | wordwrap }} ; 3 ; 'wordwrap'",
        "\\n{{ x is escaped }} ; 2 ; 'escaped'",
        "{{ lipsum() }} ; 1 ; 'lipsum'",
        "\\n\\n{{ 'a'.zfill(3) }} ; 3 ; 'zfill'",
        "{{ [].append(1) }} ; 1 ; 'append'",
        "{{ f(*x) }} ; 1 ; *",
        "{{ 0x1F }} ; 1 ; 0x",
        "{% for x in y recursive %}{% endfor %} ; 1 ; recursive",
        "{{ 1 | tojson(separators=',') }} ; 1 ; 'separators'",
        "{{ strftime_now('%Z') }} ; 1 ; '%Z'",
        "\\n{{ raise_exception('my words') }} ; 2 ; my words",
      })
  void refusalsNameLineAndCulprit(String source, int line, String culprit) {
    TemplateException e =
        assertThrows(TemplateException.class, () -> render(source.replace("\\n", "\n")));
    assertTrue(e.getMessage().startsWith("chat template, line " + line + ": "), e.getMessage());
    assertTrue(e.getMessage().contains(culprit), e.getMessage());
  }

  /** A hostile template ends with an exception: no endless loop, no exhausted stack or memory. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for a in range(99999) %}{% for b in range(99999) %}{% if a %}{% endif %}{% endfor %}"
            + "{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 'aaaaaaaaaa' * 999999999999 }}",
        "{% set ns = namespace(x='aa') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}"
            + "{% endfor %}",
        "{% for i in range(99999) %}{{ 'a' * 99999 }}{% endfor %}",
        "{{ range(99999999) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 9223372036854775807 + 1 }}",
        "{{ 99999999999999999999 }}",
      })
  void hostileTemplatesFail(String source) {
    assertThrows(TemplateException.class, () -> render(source));
  }

  @Test
  void deepNestingFails() {
    assertThrows(
        TemplateException.class, () -> render("{{ " + "(".repeat(5000) + ")".repeat(5000) + " }}"));
    assertThrows(TemplateException.class, () -> render("{% if true %}".repeat(5000)));
    assertThrows(TemplateException.class, () -> render("{{ " + "-".repeat(5000) + "1 }}"));
    assertThrows(TemplateException.class, () -> render("{{ x" + " + x".repeat(50_000) + " }}"));
    assertThrows(TemplateException.class, () -> render("{{ x" + ".x".repeat(50_000) + " }}"));
  }

  private static String render(String source) {
    return ChatTemplate.parse(source, Map.of("bos_token", "<s>", "eos_token", "</s>"))
        .render(MESSAGES, true);
  }
}
