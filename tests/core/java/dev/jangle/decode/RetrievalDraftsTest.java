package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jangle.DraftKind;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RetrievalDraftsTest {
  private static Map<Integer, Integer> propose(TokenHistory history, TokenTree tree, int node) {
    Candidates candidates = new Candidates();
    new RetrievalDrafts(history).propose(tree, node, candidates);
    Map<Integer, Integer> found = new LinkedHashMap<>();
    for (int i = 0; i < candidates.size(); i++) {
      found.put(candidates.token[i], candidates.retrieval[i]);
    }
    return found;
  }

  private static TokenTree root(TokenHistory history) {
    return Steps.tree(history.get(history.size() - 1));
  }

  @Test
  void theLatestOccurrenceComesFirst() {
    TokenHistory history = Steps.history(1, 2, 10, 1, 2, 11, 1, 2, 12, 9, 1, 2);
    assertEquals("{12=3, 11=4, 10=4}", propose(history, root(history), 0).toString());
  }

  @Test
  void longerMatchesComeBeforeLaterOnes() {
    TokenHistory history = Steps.history(1, 2, 3, 20, 3, 30, 1, 2, 3);
    assertEquals("{20=5, 30=2}", propose(history, root(history), 0).toString());
  }

  @Test
  void aDraftIsFollowedWhereItOccurred() {
    TokenHistory history = Steps.history(4, 5, 6, 7, 8, 5);
    TokenTree tree = root(history);
    int draft = tree.add(0, 6, DraftKind.RETRIEVAL);
    assertEquals("{7=3}", propose(history, tree, draft).toString());
    int unknown = tree.add(0, 99, DraftKind.RETRIEVAL);
    assertEquals("{}", propose(history, tree, unknown).toString());
  }

  @Test
  void nothingRepeatsNothingIsProposed() {
    TokenHistory history = Steps.history(1, 2, 3, 4);
    assertEquals("{}", propose(history, root(history), 0).toString());
    history = Steps.history(1);
    assertEquals("{}", propose(history, root(history), 0).toString());
  }

  /** The text grows under one object, as it does in decoding. */
  @Test
  void seesWhatTheTextGains() {
    TokenHistory history = Steps.history(1, 2, 3);
    RetrievalDrafts drafts = new RetrievalDrafts(history);
    Candidates candidates = new Candidates();
    drafts.propose(root(history), 0, candidates);
    assertEquals(0, candidates.size());
    history.add(1);
    history.add(2);
    drafts.propose(root(history), 0, candidates);
    assertEquals(1, candidates.size());
    assertEquals(3, candidates.token[0]);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void agreesWithASearch(long seed) {
    Random random = new Random(seed);
    for (int round = 0; round < 2000; round++) {
      // Few enough occurrences of each token that none is left out for time.
      int alphabet = 3 + random.nextInt(4);
      int length = 1 + random.nextInt(4 * alphabet);
      TokenHistory history = Steps.history(random.ints(length, 0, alphabet).toArray());
      TokenTree tree = root(history);
      int node = 0;
      for (int depth = random.nextInt(4); depth > 0; depth--) {
        node = tree.add(node, random.nextInt(alphabet), DraftKind.JACOBI);
      }
      assertEquals(
          search(history, Steps.path(tree, node)).toString(),
          propose(history, tree, node).toString());
    }
  }

  /** All ends by falling match length (of 4 or more: equal), the latest first; four tokens. */
  private static Map<Integer, Integer> search(TokenHistory history, int[] drafts) {
    int[] text = new int[history.size() + drafts.length];
    for (int i = 0; i < text.length; i++) {
      text[i] = i < history.size() ? history.get(i) : drafts[i - history.size()];
    }
    Map<Integer, Integer> found = new LinkedHashMap<>();
    for (int least = 4; least >= 1; least--) {
      for (int end = history.size() - 2; end >= 0 && found.size() < 4; end--) {
        int match = 0;
        while (match < 24
            && match <= end
            && match < text.length
            && text[text.length - 1 - match] == history.get(end - match)) {
          match++;
        }
        if (match >= least) {
          int feature = 1 + 2 * bucket(match) + (found.isEmpty() ? 0 : 1);
          found.putIfAbsent(history.get(end + 1), feature);
        }
      }
    }
    return found;
  }

  private static int bucket(int match) {
    int[] least = {1, 2, 3, 4, 5, 7, 10, 16};
    int bucket = 0;
    while (bucket + 1 < least.length && match >= least[bucket + 1]) {
      bucket++;
    }
    return bucket;
  }
}
