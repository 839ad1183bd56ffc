package dev.jangle;

import java.util.List;

/**
 * Finds the first stop string in streamed text, and holds back what may be the beginning of one.
 * The first is the one that is complete first, of several that end together the longest; so it does
 * not matter how the text comes in pieces.
 */
final class StopStrings {
  private final List<String> stops;
  private String held = "";
  private boolean found;

  StopStrings(List<String> stops) {
    this.stops = stops;
  }

  /** Adds text; returns what is certain to come before any stop string. */
  String push(String text) {
    if (found) {
      return "";
    }
    String all = held + text;
    int start = -1;
    int end = Integer.MAX_VALUE;
    for (String stop : stops) {
      int at = all.indexOf(stop);
      int after = at + stop.length();
      if (at >= 0 && (after < end || (after == end && at < start))) {
        start = at;
        end = after;
      }
    }
    if (start >= 0) {
      found = true;
      held = "";
      return all.substring(0, start);
    }
    int keep = longestBeginning(all);
    held = all.substring(all.length() - keep);
    return all.substring(0, all.length() - keep);
  }

  /** Length of the longest end of the text that a stop string begins with. */
  private int longestBeginning(String text) {
    int longest = 0;
    for (String stop : stops) {
      for (int length = Math.min(stop.length() - 1, text.length()); length > longest; length--) {
        if (text.regionMatches(text.length() - length, stop, 0, length)) {
          longest = length;
        }
      }
    }
    return longest;
  }

  boolean found() {
    return found;
  }

  boolean pending() {
    return !held.isEmpty();
  }

  /** What was held back, once no more text comes. */
  String flush() {
    String rest = held;
    held = "";
    return rest;
  }
}
