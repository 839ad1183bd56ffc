package dev.jangle.text;

import dev.jangle.text.JinjaValues.Undefined;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The filter {@code tojson} as transformers defines it: Python's {@code json.dumps}. */
final class JinjaJson {
  private final StringBuilder out = new StringBuilder();
  private final boolean ascii;
  private final Long indent;
  private final boolean sorted;

  private JinjaJson(boolean ascii, Long indent, boolean sorted) {
    this.ascii = ascii;
    this.indent = indent;
    this.sorted = sorted;
  }

  static String json(Object value, JinjaArguments arguments) {
    arguments.allow("ensure_ascii", "indent", "separators", "sort_keys");
    if (arguments.get(2, "separators", JinjaValues.NONE) != JinjaValues.NONE) {
      throw new JinjaException("tojson: the argument 'separators' is not supported");
    }
    Object indent = arguments.get(1, "indent", JinjaValues.NONE);
    JinjaJson json =
        new JinjaJson(
            JinjaValues.truth(arguments.get(0, "ensure_ascii", false)),
            indent == JinjaValues.NONE ? null : (Long) JinjaNumbers.integer(indent),
            JinjaValues.truth(arguments.get(3, "sort_keys", false)));
    json.write(value, 1);
    return json.out.toString();
  }

  private void write(Object value, int depth) {
    JinjaMeter.requireLength(out.length());
    switch (value) {
      case String s -> string(s);
      case Boolean b -> out.append(b);
      case Long n -> out.append(n);
      case Double d -> out.append(number(d));
      case List<?> list -> list(list, depth);
      case Map<?, ?> map -> map(map, depth);
      default -> {
        if (value != JinjaValues.NONE) {
          String what = value instanceof Undefined u ? u.what() : JinjaValues.type(value);
          throw new JinjaException("tojson: " + what + " has no JSON");
        }
        out.append("null");
      }
    }
  }

  private static String number(double value) {
    if (Double.isNaN(value)) {
      return "NaN";
    }
    return Double.isInfinite(value)
        ? value > 0 ? "Infinity" : "-Infinity"
        : JinjaNumbers.repr(value);
  }

  private void list(List<?> list, int depth) {
    out.append('[');
    for (int i = 0; i < list.size(); i++) {
      separate(i, depth);
      write(list.get(i), depth + 1);
    }
    close(list.isEmpty(), depth, ']');
  }

  private void map(Map<?, ?> map, int depth) {
    out.append('{');
    int i = 0;
    for (Map.Entry<?, ?> entry : (sorted ? sorted(map) : map).entrySet()) {
      separate(i++, depth);
      if (!(entry.getKey() instanceof String key)) {
        throw new JinjaException("tojson: a key is a " + JinjaValues.type(entry.getKey()));
      }
      string(key);
      out.append(": ");
      write(entry.getValue(), depth + 1);
    }
    close(map.isEmpty(), depth, '}');
  }

  private static Map<Object, Object> sorted(Map<?, ?> map) {
    Map<Object, Object> sorted = new TreeMap<>(JinjaValues::compare);
    sorted.putAll(map);
    return sorted;
  }

  private void separate(int index, int depth) {
    if (indent == null) {
      out.append(index == 0 ? "" : ", ");
    } else {
      out.append(index == 0 ? "" : ",");
      newline(depth);
    }
  }

  private void close(boolean empty, int depth, char bracket) {
    if (indent != null && !empty) {
      newline(depth - 1);
    }
    out.append(bracket);
  }

  private void newline(int depth) {
    out.append('\n').repeat(' ', Math.multiplyExact(Math.clamp(indent, 0, 16), depth));
  }

  private void string(String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int simple = "\"\\\n\r\t\b\f".indexOf(c);
      if (simple >= 0) {
        out.append('\\').append("\"\\nrtbf".charAt(simple));
      } else if (c < 0x20 || (ascii && c > 0x7E)) {
        out.append("\\u%04x".formatted((int) c));
      } else {
        out.append(c);
      }
    }
    out.append('"');
  }
}
