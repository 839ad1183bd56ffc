package dev.jangle.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
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
  void theDateIsTheGivenOne() {
    ChatTemplate template =
        ChatTemplate.parse(
            "{{ strftime_now('%d %b %Y|%-d %B %y %A %H:%M:%S %j %p %I') }}", Map.of());
    LocalDateTime now = LocalDateTime.of(2025, 3, 7, 16, 5, 9);
    assertEquals(
        "07 Mar 2025|7 March 25 Friday 16:05:09 066 PM 04", template.render(List.of(), false, now));
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
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) if false %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% set x = 'a' * 16777216 %}{% endfor %}",
        "{% set s = 'a' * 9999999 %}{% for a in range(99999) %}{% set n = s | length %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}"
            + "{% endfor %}{{ ns.x == ns.x }}",
        "{{ ('a' * 8388607 ~ 'b') in 'a' * 16777216 }}",
        "{{ ('a' * 16777216).find('a' * 8388607 ~ 'b') }}",
        "{{ ['a' * 9999999] * 999999 }}",
        "{{ (['a' * 9999999] * 999999) | join }}",
        "{{ '-'.join(['a' * 9999999] * 999999) }}",
        "{{ (['a' * 9999999] * 999999) | tojson }}",
        "{{ (['a' * 9999999] * 999999) | map('upper') | list }}",
        "{{ (['a' * 9999999] * 999999) | select('lower') | list }}",
        "{{ (['a' * 9999999] * 999999) | sort }}",
        "{{ ('a' * 9999999) | replace('a', 'b' * 9999999) }}",
        "{{ strftime_now('%Y' * 8388607) }}",
      })
  @Timeout(60)
  void hostileTemplatesFail(String source) {
    assertThrows(TemplateException.class, () -> render(source));
  }

  /** As long as the longest contexts: 4 million characters. */
  @ParameterizedTest
  @ValueSource(strings = {"smollm2", "llama3", "llama3.1", "qwen2.5", "qwen3", "tinyllama"})
  void longConversationsAreWithinTheLimits(String family) throws IOException {
    List<ChatMessage> messages = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      messages.add(new ChatMessage("user", "why? ".repeat(1600)));
      messages.add(new ChatMessage("assistant", "<think>\nhm\n</think>\n" + "so".repeat(4)));
    }
    ChatTemplate template =
        ChatTemplate.parse(
            Fixtures.text("templates/" + family + ".jinja"),
            Map.of("bos_token", "<s>", "eos_token", "</s>"));
    assertTrue(template.render(messages, true).length() > 4_000_000);
  }

  /** Whatever a template does wrong, its line is said. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{{ 'a' | replace('a', 'b', 'c') }} ; expected an int, found str",
        "{% for x in [1] %}{{ loop.cycle() }}{% endfor %} ; loop.cycle",
        "{{ -(-9223372036854775807 - 1) }} ; more than 64 bits",
        "{{ {1: 2, 'a': 3} | tojson(sort_keys=true) }} ; cannot order",
        "{{ {[1]: 2} }} ; a list as the key",
        "{{ [1] in {} }} ; a list as the key",
        "{{ [[1]] | map(attribute='99999999999999999999') | list }} ; cannot be computed",
      })
  void failuresNameTheirLine(String source, String words) {
    TemplateException e = assertThrows(TemplateException.class, () -> render("\n" + source));
    assertTrue(e.getMessage().startsWith("chat template, line 2: "), e.getMessage());
    assertTrue(e.getMessage().contains(words), e.getMessage());
  }

  /** What Python 3 gives. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{{ range(9223372036854775806, 9223372036854775807, 5) | list }} ; [9223372036854775806]",
        "{{ range(-9223372036854775807, -9223372036854775807 - 1, -9) | list }} ;"
            + " [-9223372036854775807]",
        "{{ 'abc'[1::9223372036854775807] }} ; b",
        "{{ 'abc'[::-9223372036854775807] }} ; c",
        "{{ 'ab'.replace('', '-') }} ; -a-b-",
        "{{ 'ab'.replace('', '-', 2) }} ; -a-b",
        "{{ 'aXbXc'.replace('X', '') }} ; abc",
        "{{ ' a  b c '.split() }} ; ['a', 'b', 'c']",
        "{{ ' a  b c '.split(none, 1) }} ; ['a', 'b c ']",
        "{{ 'a-b-c'.rsplit('-', 1) }} ; ['a-b', 'c']",
        "{{ namespace(a=1) == namespace(a=1) }} ; False",
        "{{ [(1,), (), [], {}, {'a': [none]}] }} ; [(1,), (), [], {}, {'a': [None]}]",
        "{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} ; {\"a\": 2, \"b\": 1}",
      })
  void limitsChangeNoResult(String source, String expected) {
    assertEquals(expected, render(source));
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
