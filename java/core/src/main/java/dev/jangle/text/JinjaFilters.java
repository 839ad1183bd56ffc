package dev.jangle.text;

import dev.jangle.text.JinjaValues.Tuple;
import dev.jangle.text.JinjaValues.Undefined;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Jinja's filters: {@code value | name(arguments)}. */
final class JinjaFilters {
  private static final Pattern WORD = Pattern.compile("[^-\\s({\\[<]+");

  private JinjaFilters() {}

  static Object apply(String name, Object value, JinjaArguments arguments) {
    JinjaMeter meter = arguments.meter();
    meter.apply(value, arguments);
    if (name.equals("unique") || name.equals("sort") || name.equals("min") || name.equals("max")) {
      meter.sort(value);
    }
    Object result = result(name, value, arguments);
    meter.read(result);
    return result;
  }

  private static Object result(String name, Object value, JinjaArguments arguments) {
    return switch (name) {
      case "trim" -> {
        arguments.allow("chars");
        yield PythonText.strip(JinjaValues.string(value), arguments.string(0, "chars"));
      }
      case "upper" -> plain(value, arguments).toUpperCase(Locale.ROOT);
      case "lower" -> plain(value, arguments).toLowerCase(Locale.ROOT);
      case "capitalize" -> PythonText.capitalize(plain(value, arguments));
      case "title" -> title(plain(value, arguments));
      case "string", "safe" -> plain(value, arguments);
      case "replace" -> {
        arguments.allow("old", "new", "count");
        long count = JinjaNumbers.integer(noneTo(arguments.get(2, "count", -1L), -1L));
        yield PythonText.replace(
            JinjaValues.string(value),
            JinjaValues.string(arguments.get(0, "old")),
            JinjaValues.string(arguments.get(1, "new")),
            count);
      }
      case "length", "count" -> {
        arguments.allow();
        yield JinjaValues.length(value);
      }
      case "default", "d" -> {
        arguments.allow("default_value", "boolean");
        boolean missing =
            value instanceof Undefined
                || (JinjaValues.truth(arguments.get(1, "boolean", false))
                    && !JinjaValues.truth(value));
        yield missing ? arguments.get(0, "default_value", "") : value;
      }
      case "first" -> {
        arguments.allow();
        List<Object> items = JinjaValues.items(value);
        yield items.isEmpty() ? new Undefined("the first of no elements") : items.getFirst();
      }
      case "last" -> {
        arguments.allow();
        List<Object> items = JinjaValues.items(value);
        yield items.isEmpty() ? new Undefined("the last of no elements") : items.getLast();
      }
      case "list" -> {
        arguments.allow();
        yield JinjaValues.items(value);
      }
      case "reverse" -> {
        arguments.allow();
        yield value instanceof String s
            ? new StringBuilder(s).reverse().toString()
            : JinjaValues.items(value).reversed();
      }
      case "join" -> join(value, arguments);
      case "items" -> {
        arguments.allow();
        yield value instanceof Undefined ? List.of() : items(value);
      }
      case "tojson" -> JinjaJson.json(value, arguments);
      case "int" -> integer(value, arguments);
      case "float" -> real(value, arguments);
      case "abs" -> {
        arguments.allow();
        yield JinjaValues.compare(value, 0L) < 0 ? JinjaNumbers.negated(value) : value;
      }
      case "map" -> map(value, arguments);
      case "select", "reject", "selectattr", "rejectattr" -> select(name, value, arguments);
      case "unique", "sort", "max", "min" -> ordered(name, value, arguments);
      default ->
          throw new JinjaException(
              "the filter '"
                  + name
                  + "' is not supported; supported: abs, capitalize, count, default, first, float,"
                  + " int, items, join, last, length, list, lower, map, max, min, reject,"
                  + " rejectattr, replace, reverse, safe, select, selectattr, sort, string, title,"
                  + " tojson, trim, unique, upper");
    };
  }

  /** {@code dict.items()}. */
  static List<Object> items(Object value) {
    if (!(value instanceof Map<?, ?> map)) {
      throw new JinjaException("items needs a dict, found " + JinjaValues.type(value));
    }
    List<Object> items = new ArrayList<>();
    map.forEach((key, item) -> items.add(new Tuple(List.of(key, item))));
    return items;
  }

  private static String plain(Object value, JinjaArguments arguments) {
    arguments.allow();
    return JinjaValues.string(value);
  }

  private static Object noneTo(Object value, Object missing) {
    return value == JinjaValues.NONE ? missing : value;
  }

  /** Unlike {@code str.title}, only some characters end a word. */
  private static String title(String text) {
    Matcher words = WORD.matcher(text);
    return words.replaceAll(word -> Matcher.quoteReplacement(PythonText.capitalize(word.group())));
  }

  private static String join(Object value, JinjaArguments arguments) {
    arguments.allow("d", "attribute");
    Object attribute = arguments.get(1, "attribute", JinjaValues.NONE);
    StringBuilder out = new StringBuilder();
    String between = "";
    for (Object item : JinjaValues.items(value)) {
      Object part = attribute == JinjaValues.NONE ? item : attribute(item, attribute);
      out.append(between).append(JinjaValues.string(part));
      between = JinjaValues.string(arguments.get(0, "d", ""));
      JinjaMeter.requireLength(out.length());
    }
    return out.toString();
  }

  /** An element by name or index; a name may have dots. */
  private static Object attribute(Object value, Object attribute) {
    if (!(attribute instanceof String path)) {
      return JinjaValues.element(value, attribute);
    }
    Object found = value;
    for (String part : path.split("\\.", -1)) {
      boolean index = !part.isEmpty() && part.chars().allMatch(c -> c >= '0' && c <= '9');
      found = JinjaValues.element(found, index ? (Object) Long.parseLong(part) : part);
    }
    return found;
  }

  private static Object integer(Object value, JinjaArguments arguments) {
    arguments.allow("default");
    try {
      return switch (value) {
        case Double d -> (Object) (long) (double) d;
        case String s -> (Object) (long) Double.parseDouble(PythonText.strip(s, null));
        default -> (Object) JinjaNumbers.integer(value);
      };
    } catch (NumberFormatException | JinjaException e) {
      return arguments.get(0, "default", 0L);
    }
  }

  private static Object real(Object value, JinjaArguments arguments) {
    arguments.allow("default");
    try {
      return switch (value) {
        case Double d -> d;
        case String s -> Double.parseDouble(PythonText.strip(s, null));
        default -> (double) JinjaNumbers.integer(value);
      };
    } catch (NumberFormatException | JinjaException e) {
      return arguments.get(0, "default", 0.0);
    }
  }

  private static List<Object> map(Object value, JinjaArguments arguments) {
    List<Object> mapped = new ArrayList<>();
    if (!JinjaValues.truth(value)) {
      return mapped;
    }
    if (arguments.positional().isEmpty()) {
      arguments.allow("attribute", "default");
      Object attribute = arguments.get(0, "attribute");
      for (Object item : JinjaValues.items(value)) {
        Object found = attribute(item, attribute);
        mapped.add(
            found instanceof Undefined ? arguments.named().getOrDefault("default", found) : found);
      }
      return mapped;
    }
    String filter = arguments.text(0, "filter");
    JinjaArguments rest = rest(filter, arguments, 1);
    for (Object item : JinjaValues.items(value)) {
      mapped.add(apply(filter, item, rest));
    }
    return mapped;
  }

  private static JinjaArguments rest(String callee, JinjaArguments arguments, int from) {
    List<Object> positional = arguments.positional();
    return new JinjaArguments(
        callee, positional.subList(from, positional.size()), arguments.named(), arguments.meter());
  }

  private static List<Object> select(String name, Object value, JinjaArguments arguments) {
    int first = name.endsWith("attr") ? 1 : 0;
    Predicate<Object> test = JinjaValues::truth;
    if (arguments.positional().size() > first) {
      String testName = arguments.text(first, "test");
      JinjaArguments rest = rest(testName, arguments, first + 1);
      test = item -> JinjaTests.test(testName, item, rest);
    }
    boolean wanted = name.startsWith("select");
    List<Object> selected = new ArrayList<>();
    if (!JinjaValues.truth(value)) {
      return selected;
    }
    for (Object item : JinjaValues.items(value)) {
      Object tested = first == 0 ? item : attribute(item, arguments.get(0, "attribute"));
      if (test.test(tested) == wanted) {
        selected.add(item);
      }
    }
    return selected;
  }

  /** Filters that compare elements, without case in strings as Jinja does. */
  private static Object ordered(String name, Object value, JinjaArguments arguments) {
    arguments.allow();
    List<Object> items = JinjaValues.items(value);
    if (name.equals("unique")) {
      Map<Object, Object> unique = new LinkedHashMap<>();
      items.forEach(item -> unique.putIfAbsent(JinjaValues.key(folded(item)), item));
      return new ArrayList<>(unique.values());
    }
    items.sort((a, b) -> JinjaValues.compare(folded(a), folded(b)));
    if (name.equals("sort")) {
      return items;
    } else if (items.isEmpty()) {
      return new Undefined("the " + name + " of no elements");
    }
    Object extreme = name.equals("min") ? items.getFirst() : items.getLast();
    return items.get(
        Collections.indexOfSubList(
            items.stream().map(JinjaFilters::folded).toList(), List.of(folded(extreme))));
  }

  private static Object folded(Object value) {
    return value instanceof String s ? s.toLowerCase(Locale.ROOT) : value;
  }
}
