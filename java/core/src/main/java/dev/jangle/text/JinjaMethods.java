package dev.jangle.text;

import dev.jangle.text.JinjaValues.Undefined;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Python's methods of str, dict and list: {@code value.name(arguments)}. */
final class JinjaMethods {
  private JinjaMethods() {}

  static Object call(Object value, String name, JinjaArguments arguments) {
    arguments.meter().apply(value, arguments);
    Object result =
        switch (value) {
          case String s -> text(s, name, arguments);
          case Map<?, ?> map -> dict(map, name, arguments);
          case List<?> list -> list(list, name, arguments);
          case Undefined u -> throw new JinjaException(u.what() + " is undefined");
          default -> null;
        };
    if (result == null) {
      throw new JinjaException(
          "the method '" + name + "' of a " + JinjaValues.type(value) + " is not supported");
    }
    return result;
  }

  private static Object text(String s, String name, JinjaArguments arguments) {
    return switch (name) {
      case "strip", "lstrip", "rstrip" -> {
        arguments.allow("chars");
        String chars = arguments.string(0, "chars");
        yield switch (name) {
          case "strip" -> PythonText.strip(s, chars);
          case "lstrip" -> PythonText.stripLeft(s, chars);
          default -> PythonText.stripRight(s, chars);
        };
      }
      case "split", "rsplit" -> split(s, name, arguments);
      case "startswith", "endswith" -> {
        arguments.allow("affix");
        yield affix(s, arguments.get(0, "affix"), name.equals("startswith"));
      }
      case "replace" -> {
        arguments.allow("old", "new", "count");
        yield PythonText.replace(
            s,
            arguments.text(0, "old"),
            arguments.text(1, "new"),
            arguments.integer(2, "count", -1));
      }
      case "find", "rfind", "count", "removeprefix", "removesuffix" -> {
        arguments.allow("part");
        String part = arguments.text(0, "part");
        yield switch (name) {
          case "find" -> PythonText.codePointIndex(s, s.indexOf(part));
          case "rfind" -> PythonText.codePointIndex(s, s.lastIndexOf(part));
          case "count" -> PythonText.count(s, part);
          case "removeprefix" -> s.startsWith(part) ? s.substring(part.length()) : s;
          default -> s.endsWith(part) ? s.substring(0, s.length() - part.length()) : s;
        };
      }
      case "join" -> {
        arguments.allow("items");
        List<String> parts = new ArrayList<>();
        long length = 0;
        for (Object item : JinjaValues.items(arguments.get(0, "items"))) {
          if (!(item instanceof String part)) {
            throw new JinjaException("str.join: found " + JinjaValues.type(item));
          }
          parts.add(part);
          length += part.length() + s.length();
          JinjaMeter.requireLength(length);
        }
        yield String.join(s, parts);
      }
      default -> simple(s, name);
    };
  }

  private static Object simple(String s, String name) {
    return switch (name) {
      case "upper" -> s.toUpperCase(Locale.ROOT);
      case "lower" -> s.toLowerCase(Locale.ROOT);
      case "title" -> PythonText.title(s);
      case "capitalize" -> PythonText.capitalize(s);
      case "splitlines" -> PythonText.lines(s);
      case "isspace" -> PythonText.isBlank(s);
      case "isdigit" -> !s.isEmpty() && s.codePoints().allMatch(Character::isDigit);
      case "isalpha" -> !s.isEmpty() && s.codePoints().allMatch(Character::isLetter);
      default -> null;
    };
  }

  private static Object split(String s, String name, JinjaArguments arguments) {
    arguments.allow("sep", "maxsplit");
    String separator = arguments.string(0, "sep");
    long max = arguments.integer(1, "maxsplit", -1);
    if (separator != null && separator.isEmpty()) {
      throw new JinjaException("str." + name + ": the separator is empty");
    } else if (name.equals("split")) {
      return PythonText.split(s, separator, max);
    } else if (separator == null) {
      throw new JinjaException("str.rsplit without a separator is not supported");
    }
    return PythonText.splitFromRight(s, separator, max);
  }

  private static Object affix(String s, Object affix, boolean start) {
    if (affix instanceof List<?> several) {
      return several.stream().anyMatch(one -> (Boolean) affix(s, one, start));
    } else if (affix instanceof String one) {
      return start ? s.startsWith(one) : s.endsWith(one);
    }
    throw new JinjaException(
        "startswith and endswith need a str, found " + JinjaValues.type(affix));
  }

  private static Object dict(Map<?, ?> map, String name, JinjaArguments arguments) {
    if (name.equals("get")) {
      arguments.allow("key", "default");
      Object found = map.get(JinjaValues.key(arguments.get(0, "key")));
      return found == null ? arguments.get(1, "default", JinjaValues.NONE) : found;
    }
    arguments.allow();
    return switch (name) {
      case "items" -> JinjaFilters.items(map);
      case "keys" -> new ArrayList<Object>(map.keySet());
      case "values" -> new ArrayList<Object>(map.values());
      default -> null;
    };
  }

  private static Object list(List<?> list, String name, JinjaArguments arguments) {
    arguments.allow("value");
    arguments.meter().readAll(list);
    Object value = arguments.get(0, "value");
    return switch (name) {
      case "count" -> list.stream().filter(item -> JinjaValues.equal(item, value)).count();
      case "index" -> {
        for (int i = 0; i < list.size(); i++) {
          if (JinjaValues.equal(list.get(i), value)) {
            yield (long) i;
          }
        }
        throw new JinjaException("list.index: the value is not in the list");
      }
      default -> null;
    };
  }
}
