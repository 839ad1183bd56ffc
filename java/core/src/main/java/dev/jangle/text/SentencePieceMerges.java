package dev.jangle.text;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Rebuilds the merges of a SentencePiece BPE vocabulary, which has scores instead: every way to cut
 * a piece into two pieces is a merge, the best score first. Pieces of one score go by the longer
 * left, then the longer right part, as in transformers' conversion. Pieces that text cannot make
 * (control, byte and unknown tokens) take no part.
 */
final class SentencePieceMerges {
  /**
   * The longest piece whose merges are looked for, which takes the square of its length: real ones
   * have some dozen characters.
   */
  private static final int MOST_CHARACTERS = 1024;

  private record Merge(String left, String right, float score, int leftLength, int rightLength) {}

  private SentencePieceMerges() {}

  /**
   * The merges.
   *
   * @param pieces ids of the pieces that text can make
   * @param scores score of each id
   */
  static ArrayNode json(Map<String, Integer> pieces, float[] scores) {
    List<Merge> merges = new ArrayList<>();
    pieces.forEach((piece, id) -> cut(piece, scores[id], pieces, merges));
    merges.sort(
        Comparator.comparingDouble(Merge::score)
            .thenComparingInt(Merge::leftLength)
            .thenComparingInt(Merge::rightLength)
            .reversed());
    ArrayNode json = JsonNodeFactory.instance.arrayNode(merges.size());
    for (Merge merge : merges) {
      json.addArray().add(merge.left()).add(merge.right());
    }
    return json;
  }

  private static void cut(
      String piece, float score, Map<String, Integer> pieces, List<Merge> merges) {
    int length = piece.codePointCount(0, piece.length());
    if (length > MOST_CHARACTERS) {
      return;
    }
    int at = 0;
    for (int left = 1; left < length; left++) {
      at = piece.offsetByCodePoints(at, 1);
      String first = piece.substring(0, at);
      String second = piece.substring(at);
      if (pieces.containsKey(first) && pieces.containsKey(second)) {
        merges.add(new Merge(first, second, score, left, length - left));
      }
    }
  }
}
