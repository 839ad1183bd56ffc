package dev.jangle.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Finds the texts of special tokens in a text; of several at one place, the longest. */
final class SpecialTexts {
  private record Special(int id, String text) {}

  /** By first character, the longest first. */
  private final Map<Character, List<Special>> specials = new HashMap<>();

  SpecialTexts(TokenTable table) {
    for (int id : table.special()) {
      String text = table.text(id);
      if (!text.isEmpty()) {
        specials.computeIfAbsent(text.charAt(0), c -> new ArrayList<>()).add(new Special(id, text));
      }
    }
    Comparator<Special> length = Comparator.comparingInt(special -> special.text().length());
    specials.values().forEach(list -> list.sort(length.reversed()));
  }

  /** The id of the special token whose text starts at an index, or -1. */
  int at(String text, int index) {
    for (Special special : specials.getOrDefault(text.charAt(index), List.of())) {
      if (text.startsWith(special.text(), index)) {
        return special.id();
      }
    }
    return -1;
  }

  boolean in(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (at(text, i) >= 0) {
        return true;
      }
    }
    return false;
  }
}
