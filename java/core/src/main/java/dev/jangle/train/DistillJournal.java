package dev.jangle.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.jangle.text.ChatMessage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The output of a distillation, and beside it {@code OUTPUT.journal}, from which it goes on: a line
 * of JSON that says what is distilled with what, then one for each example that is done, in order:
 * its outcome, its tokens, and how long the output is with it. An example is in the output before
 * it is in the journal, so whatever moment a process dies at, the journal's last whole line is
 * true, and what the output has beyond it is cut off.
 *
 * <p>Locked while open; the system gives the lock back when a process dies. One thread at a time.
 */
final class DistillJournal implements AutoCloseable {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final Path output;
  private final FileChannel lines;
  private final FileChannel journal;
  private final Map<DistillOutcome, Integer> counts = new EnumMap<>(DistillOutcome.class);
  private int done;
  private long end;

  private DistillJournal(Path output, FileChannel lines, FileChannel journal) {
    this.output = output;
    this.lines = lines;
    this.journal = journal;
  }

  /**
   * Opens both files, new ones or those of the same distillation.
   *
   * @param identity what is distilled with what
   * @throws DataException where they are those of another one, naming what differs, or are not what
   *     this class left there
   */
  static DistillJournal open(Path output, RunIdentity identity) throws IOException {
    Path beside = output.resolveSibling(output.getFileName() + ".journal");
    if (Files.exists(output) && Files.size(output) > 0 && !Files.exists(beside)) {
      throw new DataException(
          output + ": is there already, without a journal to go on from; name another file");
    }
    FileChannel journal = openForBoth(beside);
    FileChannel lines = null;
    boolean whole = false;
    try {
      if (!tryLock(journal)) {
        throw new DataException(output + ": another process writes there; wait for it, or stop it");
      }
      lines = openForBoth(output);
      DistillJournal opened = new DistillJournal(output, lines, journal);
      opened.goOn(identity, beside);
      whole = true;
      return opened;
    } finally {
      if (!whole) {
        journal.close();
        if (lines != null) {
          lines.close();
        }
      }
    }
  }

  private static FileChannel openForBoth(Path file) throws IOException {
    return FileChannel.open(
        file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false; // this process itself
    }
  }

  private void goOn(RunIdentity identity, Path beside) throws IOException {
    byte[] bytes = Files.readAllBytes(beside);
    int whole = bytes.length; // up to the last line feed
    while (whole > 0 && bytes[whole - 1] != '\n') {
      whole--;
    }
    journal.truncate(whole);
    journal.position(whole);
    String text = new String(bytes, 0, whole, StandardCharsets.UTF_8);
    List<String> entries = text.lines().toList();
    if (entries.isEmpty()) {
      begin(identity);
    } else {
      requireSame(identity, facts(beside, entries.getFirst()));
      for (String entry : entries.subList(1, entries.size())) {
        take(beside, entry);
      }
    }
    if (lines.size() < end) {
      throw new DataException(
          "%s: has %,d bytes, but its journal says %,d: it was changed; remove both to begin anew"
              .formatted(output, lines.size(), end));
    }
    lines.truncate(end);
    lines.position(end);
  }

  private void begin(RunIdentity identity) throws IOException {
    ObjectNode facts = JsonNodeFactory.instance.objectNode();
    identity.facts().forEach(facts::put);
    append(journal, facts);
  }

  private static RunIdentity facts(Path beside, String line) {
    Map<String, String> facts = new LinkedHashMap<>();
    parse(beside, line)
        .properties()
        .forEach(entry -> facts.put(entry.getKey(), entry.getValue().asText()));
    return new RunIdentity(facts);
  }

  private void requireSame(RunIdentity now, RunIdentity before) {
    List<String> differences = now.differences(before);
    if (!differences.isEmpty()) {
      throw new DataException(
          "%s: was begun with something else; name another file, or go on with the same: %s"
              .formatted(output, String.join("; ", differences)));
    }
  }

  private void take(Path beside, String line) {
    JsonNode entry = parse(beside, line);
    if (entry.path("example").asInt(-1) != done || entry.path("end").asLong(-1) < end) {
      throw new DataException(beside + ": is damaged in its entry of example " + done);
    }
    count(DistillOutcome.valueOf(entry.path("outcome").asText().toUpperCase(Locale.ROOT)));
    end = entry.get("end").asLong();
  }

  private static JsonNode parse(Path beside, String line) {
    try {
      return MAPPER.readTree(line);
    } catch (JsonProcessingException e) {
      throw new DataException(beside + ": is not a journal: " + e.getOriginalMessage());
    }
  }

  private void count(DistillOutcome outcome) {
    counts.merge(outcome, 1, Integer::sum);
    done++;
  }

  /** Examples that are done, from the first on. */
  int done() {
    return done;
  }

  /** How many of them had each outcome. */
  Map<DistillOutcome, Integer> counts() {
    return Map.copyOf(counts);
  }

  /**
   * Writes the next example.
   *
   * @param messages its conversation; nothing where the outcome leaves it out
   * @param tokens that were written for it
   */
  void add(DistillOutcome outcome, List<ChatMessage> messages, long tokens) throws IOException {
    if (outcome.written()) {
      ObjectNode line = JsonNodeFactory.instance.objectNode();
      for (ChatMessage message : new ArrayList<>(messages)) {
        line.withArray("messages")
            .addObject()
            .put("role", message.role())
            .put("content", message.content());
      }
      end += append(lines, line);
      lines.force(false);
    }
    ObjectNode entry = JsonNodeFactory.instance.objectNode();
    entry.put("example", done);
    entry.put("outcome", outcome.name().toLowerCase(Locale.ROOT));
    entry.put("tokens", tokens);
    entry.put("end", end);
    append(journal, entry);
    count(outcome);
  }

  /** Bytes of the line. */
  private static int append(FileChannel channel, ObjectNode line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8));
    int count = bytes.remaining();
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    return count;
  }

  @Override
  public void close() throws IOException {
    try (journal) {
      lines.close();
    }
  }
}
