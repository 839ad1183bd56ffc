package dev.jangle.decode;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class RecyclingDraftsTest {
  private static final int K = RecyclingDrafts.SUCCESSORS;

  private static String propose(RecyclingDrafts drafts, int token) {
    Candidates candidates = new Candidates();
    drafts.propose(Steps.tree(token), 0, candidates);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < candidates.size(); i++) {
      text.append(candidates.token[i]).append(':').append(candidates.recycling[i]).append(' ');
    }
    return text.toString().strip();
  }

  @Test
  void aTokenNotSeenHasNoSuccessors() {
    RecyclingDrafts drafts = new RecyclingDrafts(new RecyclingTable(50));
    assertEquals("", propose(drafts, 3));
    assertEquals("", propose(drafts, 49));
  }

  /** Every verified node fills its token's entry, accepted or not. */
  @Test
  void learnsFromEveryNode() {
    RecyclingDrafts drafts = new RecyclingDrafts(new RecyclingTable(200));
    TokenTree tree = Steps.tree(3, new int[] {0, 4}, new int[] {0, 5}, new int[] {2, 6});
    drafts.observe(Steps.outcome(tree, K, node -> 100 + 10 * node));
    assertEquals("100:2 101:5 102:6 103:7 104:8 105:9 106:10 107:11", propose(drafts, 3));
    assertEquals("110:2 111:5 112:6 113:7 114:8 115:9 116:10 117:11", propose(drafts, 4));
    assertEquals("130:2 131:5 132:6 133:7 134:8 135:9 136:10 137:11", propose(drafts, 6));
    drafts.observe(Steps.outcome(Steps.tree(4), K, node -> 60));
    assertEquals(
        "60:2 61:5 62:6 63:7 64:8 65:9 66:10 67:11", propose(drafts, 4), "the last counts");
  }

  /** A token on the accepted path and in a rejected draft: the accepted one stays. */
  @Test
  void theAcceptedPathHasTheLastWord() {
    RecyclingDrafts drafts = new RecyclingDrafts(new RecyclingTable(200));
    TokenTree tree = Steps.tree(3, new int[] {0, 4}, new int[] {0, 5}, new int[] {2, 4});
    // The model chooses 4 after the root (node 1); node 3 is the same token in a false context.
    int[] first = {4, 110, 120, 130};
    drafts.observe(Steps.outcome(tree, K, node -> first[node]));
    assertEquals("110:2 111:5 112:6 113:7 114:8 115:9 116:10 117:11", propose(drafts, 4));
    assertEquals("120:2 121:5 122:6 123:7 124:8 125:9 126:10 127:11", propose(drafts, 5));
  }

  @Test
  void theFirstRankTellsItsLead() {
    RecyclingTable table = new RecyclingTable(10);
    RecyclingDrafts drafts = new RecyclingDrafts(table);
    float[] leads = {0, 0.99f, 1, 1.99f, 2, 3.99f, 4, 100};
    int[] features = {1, 1, 2, 2, 3, 3, 4, 4};
    for (int i = 0; i < leads.length; i++) {
      table.put(5, new int[] {9, 9, 7, 8}, new float[] {0, 0, 11, 11 - leads[i]}, 2, 2);
      assertEquals("7:%d 8:5".formatted(features[i]), propose(drafts, 5));
    }
    table.put(6, new int[] {7}, new float[] {11}, 0, 1);
    assertEquals("7:1", propose(drafts, 6));
  }

  @Test
  void keepsEightOfMore() {
    RecyclingTable table = new RecyclingTable(100);
    RecyclingDrafts drafts = new RecyclingDrafts(table);
    drafts.observe(Steps.outcome(Steps.tree(3), K + 2, node -> 20));
    assertEquals("20:2 21:5 22:6 23:7 24:8 25:9 26:10 27:11", propose(drafts, 3));
    assertEquals("", propose(drafts, 4), "nothing is written past the entry");
  }
}
