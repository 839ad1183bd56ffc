package dev.jangle.decode;

/** Plain decoding: the tree is the root alone. */
final class PlainPlanner implements TreePlanner {
  @Override
  public void plan(TokenTree tree, int maxDepth) {}

  @Override
  public void observe(StepOutcome outcome) {}

  @Override
  public int topK() {
    return 0;
  }
}
