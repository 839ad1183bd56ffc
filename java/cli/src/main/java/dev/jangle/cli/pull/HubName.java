package dev.jangle.cli.pull;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code hf:org/name} or {@code hf:org/name@revision}: a model on the Hugging Face hub. */
record HubName(String organization, String name, String revision) {
  private static final String WORD = "[A-Za-z0-9_][A-Za-z0-9._-]{0,95}";
  private static final Pattern NAME =
      Pattern.compile("hf:(" + WORD + ")/(" + WORD + ")(?:@([A-Za-z0-9_][A-Za-z0-9._/-]{0,99}))?");

  static final String DEFAULT_REVISION = "main";

  static Optional<HubName> parse(String text) {
    Matcher matcher = NAME.matcher(text);
    if (!matcher.matches() || text.contains("..") || text.contains("--")) {
      return Optional.empty();
    }
    String revision = matcher.group(3) == null ? DEFAULT_REVISION : matcher.group(3);
    return Optional.of(new HubName(matcher.group(1), matcher.group(2), revision));
  }

  String repository() {
    return organization + "/" + name;
  }

  /** The folder in the cache, a flat name: the hub allows no {@code --} in names. */
  String folder() {
    String base = organization + "--" + name;
    return revision.equals(DEFAULT_REVISION) ? base : base + "@" + revision.replace("/", "--");
  }

  @Override
  public String toString() {
    String base = "hf:" + repository();
    return revision.equals(DEFAULT_REVISION) ? base : base + "@" + revision;
  }
}
