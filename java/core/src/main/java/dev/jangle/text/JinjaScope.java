package dev.jangle.text;

import java.util.HashMap;
import java.util.Map;

/** The names that are visible at a place; a loop's body and a macro have scopes of their own. */
final class JinjaScope {
  private final JinjaScope outer;
  private final Map<String, Object> values = new HashMap<>();

  JinjaScope(JinjaScope outer) {
    this.outer = outer;
  }

  /** The value, or null. */
  Object get(String name) {
    for (JinjaScope scope = this; scope != null; scope = scope.outer) {
      Object value = scope.values.get(name);
      if (value != null) {
        return value;
      }
    }
    return null;
  }

  void set(String name, Object value) {
    values.put(name, value);
  }
}
