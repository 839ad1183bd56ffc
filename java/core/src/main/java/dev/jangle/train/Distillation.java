package dev.jangle.train;

import dev.jangle.BatchSession;
import dev.jangle.Decoding;
import dev.jangle.GenerationOptions;
import dev.jangle.Model;
import dev.jangle.cache.ContextFullException;
import dev.jangle.format.Checkpoint;
import dev.jangle.text.ChatMessage;
import dev.jangle.text.TemplateException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Rewrites the answers of a data set as the model itself writes them, greedily. Training on these
 * moves what noise does to the model, and little else.
 *
 * <p>A later turn is answered after the model's own earlier answers, not the data's: what is
 * trained on is the whole conversation as it is written, and only so each answer is the one that
 * the model gives after what stands before it. The price is that a user's later message, which was
 * written for another answer, may not fit.
 *
 * <p>Conversations share forward passes, which changes no answer. Where a run ended, by whatever
 * cause, the same call goes on: see {@link DistillProgress}. One thread.
 */
public final class Distillation {
  private final DataSet data;
  private final List<Example> examples;
  private final DistillOptions options;
  private final Model model;
  private final BatchSession batch;
  private final DistillJournal journal;
  private final Consumer<DistillProgress> listener;
  private final Conversation[] running;
  private final Map<Integer, Conversation> waiting = new TreeMap<>();
  private final int before;
  private int next;
  private long tokens;

  /** An example whose answers are being written. */
  private static final class Conversation {
    final int number;
    final List<ChatMessage> source;
    final List<ChatMessage> messages = new ArrayList<>();
    int answers;
    long tokens;
    DistillOutcome outcome;

    Conversation(int number, Example example) {
      this.number = number;
      this.source = example.messages();
    }

    /** Copies the messages up to the next answer; false where there is none. */
    boolean advance() {
      while (messages.size() < source.size()) {
        ChatMessage message = source.get(messages.size());
        if (message.role().equals("assistant")) {
          return true;
        }
        messages.add(message);
      }
      return false;
    }

    /** Ends it before the answer that is missing; whole turns stay. */
    void endBeforeAnswer(DistillOutcome reason) {
      while (!messages.isEmpty() && !messages.getLast().role().equals("assistant")) {
        messages.removeLast();
      }
      outcome = answers == 0 ? reason : DistillOutcome.CUT;
    }
  }

  private Distillation(
      DataSet data,
      DistillOptions options,
      Model model,
      BatchSession batch,
      DistillJournal journal,
      Consumer<DistillProgress> listener) {
    this.data = data;
    this.examples = data.examples();
    this.options = options;
    this.model = model;
    this.batch = batch;
    this.journal = journal;
    this.listener = listener;
    this.running = new Conversation[batch.places()];
    this.before = journal.done();
    this.next = before;
  }

  /**
   * Writes the distilled examples to a file of JSON lines, in the order of the data, and beside it
   * a journal to go on from.
   *
   * @param model has a chat template
   * @param weights those of the model; only their fingerprint is taken
   * @param files the data
   * @param listener told after each example that is done, and at the beginning
   * @return how it ended
   * @throws DataException where the data cannot be used, or the output is of another distillation
   * @throws IllegalArgumentException where the model has no chat template
   * @throws dev.jangle.backend.OutOfDeviceMemoryException where the caches do not fit
   * @throws IOException where a file cannot be read or written
   */
  public static DistillProgress run(
      Model model,
      Checkpoint weights,
      List<Path> files,
      Path output,
      DistillOptions options,
      Consumer<DistillProgress> listener)
      throws IOException {
    if (model.tokenizer().chatTemplate().isEmpty()) {
      throw new IllegalArgumentException(
          model.path() + ": has no chat template, so it answers no conversations");
    }
    DataSet data = DataSet.read(files, DataSet.MOST_BAD);
    GenerationOptions generation =
        GenerationOptions.defaults().withMaxTokens(options.maxTokens()).withDecoding(Decoding.AUTO);
    try (DistillJournal journal =
            DistillJournal.open(output, identity(model, weights, files, options));
        BatchSession batch = model.openBatch(options.atOnce(), generation)) {
      return new Distillation(data, options, model, batch, journal, listener).run();
    }
  }

  private static RunIdentity identity(
      Model model, Checkpoint weights, List<Path> files, DistillOptions options)
      throws IOException {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("max-tokens", Integer.toString(options.maxTokens()));
    facts.put("context", Integer.toString(model.contextLength()));
    facts.put("unfinished", options.unfinished().toString());
    facts.put("most-repetition", Double.toString(options.mostRepetition()));
    facts.put("model", "sha256 " + Fingerprint.of(weights));
    String template = model.tokenizer().chatTemplate().orElseThrow().source();
    facts.put("tokenizer", "sha256 " + Fingerprint.of(model.tokenizer().definition()));
    facts.put("chat template", "sha256 " + Fingerprint.of(template));
    for (int i = 0; i < files.size(); i++) {
      facts.put(
          "data file " + (i + 1),
          files.get(i).getFileName() + ", sha256 " + Fingerprint.of(files.get(i)));
    }
    return new RunIdentity(facts);
  }

  private DistillProgress run() throws IOException {
    tell();
    while (journal.done() < examples.size()) {
      for (int place : batch.free()) {
        fill(place);
      }
      for (BatchSession.Finished finished : batch.step()) {
        finish(finished);
      }
      write();
    }
    return progress();
  }

  /** Gives a free place the next conversation that has an answer to be written. */
  private void fill(int place) {
    while (next < examples.size()) {
      Example example = examples.get(next);
      Conversation conversation = new Conversation(next, example);
      next++;
      if (example.plainText()) {
        conversation.outcome = DistillOutcome.PLAIN_TEXT;
      } else if (start(place, conversation)) {
        return;
      }
      waiting.put(conversation.number, conversation);
    }
  }

  /** Starts the next answer of a conversation; false where it has ended instead. */
  private boolean start(int place, Conversation conversation) {
    if (!conversation.advance()) {
      conversation.outcome = DistillOutcome.KEPT;
      return false;
    }
    if (conversation.messages.isEmpty()) { // templates make nothing of it, or an opening alone
      conversation.outcome = DistillOutcome.REFUSED;
      return false;
    }
    try {
      batch.start(place, conversation.messages);
      running[place] = conversation;
      return true;
    } catch (ContextFullException e) {
      conversation.endBeforeAnswer(DistillOutcome.TOO_LONG);
    } catch (TemplateException e) {
      conversation.endBeforeAnswer(DistillOutcome.REFUSED);
    }
    return false;
  }

  private void finish(BatchSession.Finished finished) {
    Conversation conversation = running[finished.place()];
    running[finished.place()] = null;
    conversation.tokens += finished.result().tokens().size();
    tokens += finished.result().tokens().size();
    DistillVerdict verdict = DistillVerdict.of(finished.result(), options, model.tokenizer());
    if (!verdict.outcome().written()) {
      conversation.endBeforeAnswer(verdict.outcome());
    } else {
      conversation.messages.add(new ChatMessage("assistant", verdict.text()));
      conversation.answers++;
      if (verdict.outcome() == DistillOutcome.CUT) {
        conversation.outcome = DistillOutcome.CUT;
      } else if (start(finished.place(), conversation)) {
        return;
      }
    }
    waiting.put(conversation.number, conversation);
  }

  /** Writes the conversations that are next in the order of the data. */
  private void write() throws IOException {
    for (Conversation conversation = waiting.remove(journal.done());
        conversation != null;
        conversation = waiting.remove(journal.done())) {
      journal.add(conversation.outcome, conversation.messages, conversation.tokens);
      tell();
    }
  }

  private void tell() {
    listener.accept(progress());
  }

  private DistillProgress progress() {
    Map<DistillOutcome, Integer> counts = new EnumMap<>(DistillOutcome.class);
    counts.putAll(journal.counts());
    return new DistillProgress(
        journal.done(),
        examples.size(),
        data.bad().size(),
        before,
        tokens,
        Collections.unmodifiableMap(counts));
  }
}
