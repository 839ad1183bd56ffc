package dev.jangle.text;

import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The values that a function, filter, test or method is called with.
 *
 * @param callee what is called, for messages
 * @param meter of the rendering
 */
record JinjaArguments(
    String callee, List<Object> positional, Map<String, Object> named, JinjaMeter meter) {
  /** Refuses what is not among these parameters, so that nothing is silently ignored. */
  void allow(String... parameters) {
    if (positional.size() > parameters.length) {
      throw new JinjaException(
          callee
              + " has "
              + positional.size()
              + " arguments, expected at most "
              + parameters.length);
    }
    for (String name : named.keySet()) {
      if (!Set.of(parameters).contains(name)) {
        throw new JinjaException(callee + ": the argument '" + name + "' is not supported");
      }
    }
  }

  /** An argument by position or name, or {@code missing}. */
  Object get(int index, String name, Object missing) {
    return index < positional.size() ? positional.get(index) : named.getOrDefault(name, missing);
  }

  /** A required argument. */
  Object get(int index, String name) {
    Object value = get(index, name, null);
    if (value == null) {
      throw new JinjaException(callee + ": the argument '" + name + "' is missing");
    }
    return value;
  }

  /** A string, or null where the argument is missing or none. */
  String string(int index, String name) {
    Object value = get(index, name, JinjaValues.NONE);
    if (value == JinjaValues.NONE || value instanceof String) {
      return value instanceof String s ? s : null;
    }
    throw new JinjaException(
        callee
            + ": the argument '"
            + name
            + "' is a "
            + JinjaValues.type(value)
            + ", expected a str");
  }

  /** A required string. */
  String text(int index, String name) {
    String value = string(index, name);
    if (value == null) {
      throw new JinjaException(callee + ": the argument '" + name + "' is missing");
    }
    return value;
  }

  long integer(int index, String name, long missing) {
    return JinjaNumbers.integer(get(index, name, missing));
  }
}
