package dev.jangle.cli.pull;

import java.io.IOException;
import java.nio.file.Path;

/** Where a model comes from. */
interface ModelSource {
  /**
   * Puts the whole model into {@code folder}, which may hold what an earlier attempt left there.
   *
   * @return the licence, as its publisher names it
   * @throws dev.jangle.cli.term.Failure that says how to go on
   */
  String fetch(Path folder) throws IOException, InterruptedException;
}
