package dev.jangle.text;

import java.util.List;
import java.util.Map;

/**
 * Counts what a rendering computes, in steps of which it has a limited number: one for each
 * expression and each iteration, and more where a value is long. What an operation goes through is
 * charged before it, and what it made after. One object per rendering.
 */
final class JinjaMeter {
  /** A template that takes more is taken to run forever. */
  private static final int MAX_STEPS = 1_000_000;

  /** Most characters of a string, or elements of a list with all that is in it. */
  static final int MAX_LENGTH = 1 << 24;

  /** Characters or elements that a step goes through. */
  private static final int READ = 256;

  /** Elements of a new list in a step, fewer because they stay in memory. */
  private static final int MADE = 16;

  /** Characters that a step compares in the search for a text, were it to fail late everywhere. */
  private static final int SEARCHED = 1 << 14;

  private long steps;
  private long elements;
  private long characters;

  void take(long more) {
    steps += more;
    if (steps > MAX_STEPS) {
      throw new JinjaException("computes more than a template may: " + MAX_STEPS + " steps");
    }
  }

  /** An operation that goes through a value, not through what is in its elements. */
  void read(Object value) {
    take(size(value) / READ);
  }

  /** A value that an operation made. */
  void made(Object value) {
    read(value);
    if (value instanceof List<?> || value instanceof Map<?, ?>) {
      weigh(value);
      take(size(value) / MADE + elements / READ);
    }
  }

  /** An operation that goes through all that is in a value. */
  void readAll(Object value) {
    weigh(value);
    take((elements + characters) / READ);
  }

  /** As {@link #readAll}, so often that the elements are sorted. */
  void sort(Object value) {
    weigh(value);
    int rounds = Long.SIZE - Long.numberOfLeadingZeros(size(value));
    take((elements + characters) / READ * rounds);
  }

  /** A search for the item in a string, a list or a dict's keys. */
  void search(Object container, Object item) {
    if (container instanceof String text && item instanceof String part) {
      take((long) text.length() * part.length() / SEARCHED);
    } else {
      readAll(container);
      readAll(item);
    }
  }

  /** A filter or method, which may search for each of its arguments at each place of the value. */
  void apply(Object value, JinjaArguments arguments) {
    read(value);
    arguments.positional().forEach(argument -> applyTo(value, argument));
    arguments.named().values().forEach(argument -> applyTo(value, argument));
  }

  private void applyTo(Object value, Object argument) {
    if (value instanceof String) {
      search(value, argument);
    } else if (argument instanceof String text) {
      take(size(value) * text.length() / READ);
    } else {
      readAll(argument);
    }
  }

  /** Refuses strings that are too long to be meant. */
  static void requireLength(long length) {
    if (length > MAX_LENGTH) {
      throw new JinjaException("a string has more than " + MAX_LENGTH + " characters");
    }
  }

  private static long size(Object value) {
    return switch (value) {
      case String s -> s.length();
      case List<?> list -> list.size();
      case Map<?, ?> map -> map.size();
      default -> 0;
    };
  }

  /** Counts elements and characters of a value as often as they appear in it. */
  private void weigh(Object value) {
    elements = 0;
    characters = 0;
    add(value);
  }

  private void add(Object value) {
    if (++elements > MAX_LENGTH) {
      throw new JinjaException("a value has more than " + MAX_LENGTH + " elements");
    }
    switch (value) {
      case String s -> characters += s.length();
      case List<?> list -> list.forEach(this::add);
      case Map<?, ?> map ->
          map.forEach(
              (key, item) -> {
                add(key);
                add(item);
              });
      default -> {}
    }
  }
}
