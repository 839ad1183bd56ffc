package dev.jangle.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The values of a template and their Python meaning. Classes: {@link Undefined}, {@link #NONE},
 * Boolean, Long, Double, String, List (also tuples, as {@link Tuple}), Map with keys in order,
 * {@link Namespace}, {@link Function}.
 */
final class JinjaValues {
  /** Python's None. */
  enum None {
    VALUE
  }

  static final None NONE = None.VALUE;

  /** A name without a value: prints as nothing, is false, and has no attributes. */
  record Undefined(String what) {}

  /** An immutable list that prints with parentheses. */
  static final class Tuple extends ArrayList<Object> {
    private static final long serialVersionUID = 1L;

    Tuple(List<Object> items) {
      super(items);
    }
  }

  /** What {@code namespace()} returns. As in Python, equal to nothing but itself. */
  record Namespace(Map<String, Object> values) {
    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(this);
    }
  }

  /** Something that a template may call. */
  @FunctionalInterface
  interface Function {
    Object call(JinjaArguments arguments);
  }

  private JinjaValues() {}

  static boolean truth(Object value) {
    return switch (value) {
      case Undefined u -> false;
      case Boolean b -> b;
      case Long n -> n != 0;
      case Double d -> d != 0;
      case String s -> !s.isEmpty();
      case List<?> list -> !list.isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      default -> value != NONE;
    };
  }

  /** Python's name of the value's type. */
  static String type(Object value) {
    return switch (value) {
      case Undefined u -> "Undefined";
      case Boolean b -> "bool";
      case Long n -> "int";
      case Double d -> "float";
      case String s -> "str";
      case Tuple t -> "tuple";
      case List<?> list -> "list";
      case Map<?, ?> map -> "dict";
      case Namespace n -> "Namespace";
      case Function f -> "function";
      default -> "NoneType";
    };
  }

  /** {@code str(value)}: what a template writes. */
  static String string(Object value) {
    return switch (value) {
      case String s -> s;
      case Undefined u -> "";
      default -> repr(value);
    };
  }

  /** {@code repr(value)}. */
  static String repr(Object value) {
    StringBuilder out = new StringBuilder();
    repr(value, out);
    return out.toString();
  }

  private static void repr(Object value, StringBuilder out) {
    JinjaMeter.requireLength(out.length());
    switch (value) {
      case Undefined u -> out.append("Undefined");
      case Boolean b -> out.append(b ? "True" : "False");
      case Long n -> out.append(n);
      case Double d -> out.append(JinjaNumbers.repr(d));
      case String s -> quote(s, out);
      case Tuple t -> joined(t, "(", t.size() == 1 ? ",)" : ")", out);
      case List<?> list -> joined(list, "[", "]", out);
      case Map<?, ?> map -> {
        String between = "{";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          out.append(between);
          repr(entry.getKey(), out);
          out.append(": ");
          repr(entry.getValue(), out);
          between = ", ";
        }
        out.append(map.isEmpty() ? "{}" : "}");
      }
      case Namespace n -> throw new JinjaException("a namespace cannot be written");
      case Function f -> throw new JinjaException("a function cannot be written");
      default -> out.append("None");
    }
  }

  private static void joined(List<?> items, String open, String close, StringBuilder out) {
    out.append(open);
    for (int i = 0; i < items.size(); i++) {
      out.append(i == 0 ? "" : ", ");
      repr(items.get(i), out);
    }
    out.append(close);
  }

  private static void quote(String text, StringBuilder out) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    out.append(quote);
    for (int c : text.codePoints().toArray()) {
      switch (c) {
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\\' -> out.append("\\\\");
        default -> {
          if (c == quote) {
            out.append('\\').append(quote);
          } else if (printable(c)) {
            out.appendCodePoint(c);
          } else if (c < 0x100) {
            out.append("\\x%02x".formatted(c));
          } else {
            out.append((c < 0x10000 ? "\\u%04x" : "\\U%08x").formatted(c));
          }
        }
      }
    }
    out.append(quote);
  }

  /** Python's {@code str.isprintable} of one character. */
  private static boolean printable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      case Character.SPACE_SEPARATOR -> c == ' ';
      default -> true;
    };
  }

  /** {@code left == right}; true equals 1, and undefined equals undefined. */
  static boolean equal(Object left, Object right) {
    if (JinjaNumbers.isNumber(left) && JinjaNumbers.isNumber(right)) {
      return JinjaNumbers.compare(left, right) == 0;
    } else if (left instanceof Undefined && right instanceof Undefined) {
      return true;
    } else if (left instanceof List<?> a && right instanceof List<?> b) {
      boolean same = left instanceof Tuple == right instanceof Tuple && a.size() == b.size();
      for (int i = 0; same && i < a.size(); i++) {
        same = equal(a.get(i), b.get(i));
      }
      return same;
    } else if (left instanceof Map<?, ?> a && right instanceof Map<?, ?> b) {
      boolean same = a.size() == b.size();
      for (Map.Entry<?, ?> entry : a.entrySet()) {
        same =
            same && b.containsKey(entry.getKey()) && equal(entry.getValue(), b.get(entry.getKey()));
      }
      return same;
    }
    return left.equals(right);
  }

  /** Negative, zero or positive as {@code left < right} and so on; strings by code point. */
  static int compare(Object left, Object right) {
    if (JinjaNumbers.isNumber(left) && JinjaNumbers.isNumber(right)) {
      return JinjaNumbers.compare(left, right);
    } else if (left instanceof String a && right instanceof String b) {
      return java.util.Arrays.compare(a.codePoints().toArray(), b.codePoints().toArray());
    } else if (left instanceof List<?> a && right instanceof List<?> b) {
      for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
        if (!equal(a.get(i), b.get(i))) {
          return compare(a.get(i), b.get(i));
        }
      }
      return Integer.compare(a.size(), b.size());
    }
    throw new JinjaException("cannot order " + type(left) + " and " + type(right));
  }

  /** A key of a dict. Lists are none in Python; tuples, which are, are not supported as such. */
  static Object key(Object value) {
    if (value instanceof List<?> || value instanceof Map<?, ?>) {
      throw new JinjaException("a " + type(value) + " as the key of a dict is not supported");
    }
    return value;
  }

  /** {@code item in container}. */
  static boolean contains(Object container, Object item) {
    return switch (container) {
      case String s when item instanceof String part -> s.contains(part);
      case String s -> throw new JinjaException("'in <str>' needs a str, found " + type(item));
      case Map<?, ?> map -> map.containsKey(key(item));
      default -> items(container).stream().anyMatch(other -> equal(other, item));
    };
  }

  /** What a loop over the value goes through. */
  static List<Object> items(Object value) {
    return switch (value) {
      case Undefined u -> List.of();
      case String s -> {
        List<Object> characters = new ArrayList<>();
        s.codePoints().forEach(c -> characters.add(Character.toString(c)));
        yield characters;
      }
      case List<?> list -> new ArrayList<>(list);
      case Map<?, ?> map -> new ArrayList<>(map.keySet());
      default -> throw new JinjaException(type(value) + " cannot be iterated");
    };
  }

  static long length(Object value) {
    return switch (value) {
      case Undefined u -> 0;
      case String s -> s.codePointCount(0, s.length());
      case List<?> list -> list.size();
      case Map<?, ?> map -> map.size();
      default -> throw new JinjaException(type(value) + " has no length");
    };
  }

  /** {@code value[key]} and {@code value.key}; undefined where there is no such element. */
  static Object element(Object value, Object key) {
    Object found =
        switch (value) {
          case Undefined u -> throw new JinjaException(u.what() + " is undefined");
          case Map<?, ?> map -> map.get(key(key));
          case Namespace namespace -> key instanceof String ? namespace.values().get(key) : null;
          case List<?> list when key instanceof Long index -> {
            long i = index < 0 ? index + list.size() : index;
            yield i >= 0 && i < list.size() ? list.get((int) i) : null;
          }
          case String s when key instanceof Long index -> {
            int[] characters = s.codePoints().toArray();
            long i = index < 0 ? index + characters.length : index;
            yield i >= 0 && i < characters.length ? Character.toString(characters[(int) i]) : null;
          }
          default -> null;
        };
    return found == null
        ? new Undefined("the element " + repr(key) + " of a " + type(value))
        : found;
  }

  /** {@code value[start:stop:step]}, where null is a part that was left out. */
  static Object slice(Object value, Long start, Long stop, Long step) {
    if (value instanceof Undefined u) {
      throw new JinjaException(u.what() + " is undefined");
    } else if (!(value instanceof String) && !(value instanceof List<?>)) {
      return new Undefined("a slice of " + type(value));
    }
    List<Object> items = items(value);
    if (step != null && step == 0) {
      throw new JinjaException("a slice's step is 0");
    }
    long by = step == null ? 1 : Math.clamp(step, -items.size() - 1L, items.size() + 1L);
    long from = bound(start, by > 0 ? 0 : items.size() - 1L, items.size(), by);
    long to = bound(stop, by > 0 ? items.size() : -1, items.size(), by);
    List<Object> part = new ArrayList<>();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      part.add(items.get((int) i));
    }
    return switch (value) {
      case String s -> String.join("", part.stream().map(String.class::cast).toList());
      case Tuple t -> new Tuple(part);
      default -> part;
    };
  }

  private static long bound(Long given, long missing, long size, long step) {
    if (given == null) {
      return missing;
    }
    long bound = given < 0 ? given + size : given;
    return step > 0 ? Math.clamp(bound, 0, size) : Math.clamp(bound, -1, size - 1);
  }
}
