package dev.jangle.text;

import dev.jangle.text.JinjaValues.Function;
import dev.jangle.text.JinjaValues.Undefined;
import java.util.List;
import java.util.Map;

/** Jinja's tests: {@code value is name(arguments)}. */
final class JinjaTests {
  private JinjaTests() {}

  static boolean test(String name, Object value, JinjaArguments arguments) {
    switch (name) {
      case "divisibleby",
          "equalto",
          "eq",
          "==",
          "ne",
          "!=",
          "lt",
          "lessthan",
          "<",
          "le",
          "<=",
          "gt",
          "greaterthan",
          ">",
          "ge",
          ">=",
          "in",
          "sameas" ->
          arguments.allow("other");
      default -> arguments.allow();
    }
    JinjaMeter meter = arguments.meter();
    switch (name) {
      case "in" -> meter.search(arguments.get(0, "other"), value);
      case "lower", "upper" -> meter.readAll(value);
      default -> {
        if (!arguments.positional().isEmpty() || !arguments.named().isEmpty()) {
          meter.readAll(value);
          meter.readAll(arguments.get(0, "other"));
        }
      }
    }
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == JinjaValues.NONE;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "boolean" -> value instanceof Boolean;
      case "string" -> value instanceof String;
      case "mapping" -> value instanceof Map<?, ?>;
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "number" -> JinjaNumbers.isNumber(value);
      case "callable" -> value instanceof Function;
      case "iterable", "sequence" ->
          value instanceof String
              || value instanceof List<?>
              || value instanceof Map<?, ?>
              || value instanceof Undefined;
      case "odd" -> Math.floorMod(JinjaNumbers.integer(value), 2L) == 1;
      case "even" -> Math.floorMod(JinjaNumbers.integer(value), 2L) == 0;
      case "divisibleby" -> JinjaNumbers.binary("%", value, arguments.get(0, "other")).equals(0L);
      case "equalto", "eq", "==" -> JinjaValues.equal(value, arguments.get(0, "other"));
      case "ne", "!=" -> !JinjaValues.equal(value, arguments.get(0, "other"));
      case "lt", "lessthan", "<" -> JinjaValues.compare(value, arguments.get(0, "other")) < 0;
      case "le", "<=" -> JinjaValues.compare(value, arguments.get(0, "other")) <= 0;
      case "gt", "greaterthan", ">" -> JinjaValues.compare(value, arguments.get(0, "other")) > 0;
      case "ge", ">=" -> JinjaValues.compare(value, arguments.get(0, "other")) >= 0;
      case "in" -> JinjaValues.contains(arguments.get(0, "other"), value);
      case "sameas" -> same(value, arguments.get(0, "other"));
      case "lower" -> cased(JinjaValues.string(value), false);
      case "upper" -> cased(JinjaValues.string(value), true);
      default ->
          throw new JinjaException(
              "the test '"
                  + name
                  + "' is not supported; supported: boolean, callable, defined, divisibleby, eq,"
                  + " equalto, even, false, float, ge, gt, in, integer, iterable, le, lower, lt,"
                  + " mapping, ne, none, number, odd, sameas, sequence, string, true, undefined,"
                  + " upper");
    };
  }

  /** Identity, as far as Python has one object of each value: of the same type, and equal. */
  private static boolean same(Object value, Object other) {
    return value.getClass() == other.getClass() && value.equals(other);
  }

  /** Whether there are letters with case, and all have this one. */
  private static boolean cased(String text, boolean upper) {
    int wanted = 0;
    int other = 0;
    for (int c : text.codePoints().toArray()) {
      wanted += (upper ? Character.isUpperCase(c) : Character.isLowerCase(c)) ? 1 : 0;
      other += (upper ? Character.isLowerCase(c) : Character.isUpperCase(c)) ? 1 : 0;
    }
    return wanted > 0 && other == 0;
  }
}
