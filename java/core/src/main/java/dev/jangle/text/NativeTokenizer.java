package dev.jangle.text;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.IntPredicate;

/**
 * Hugging Face's tokenizers, the Rust library, through DJL's JNI functions. DJL's own class on top
 * of them is not used: it reports its use over the network, and builds objects for every token.
 * Thread-safe; encoding runs in parallel.
 */
final class NativeTokenizer implements AutoCloseable {
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private long handle;

  /**
   * Opens a tokenizer, of the library that {@link #load} loaded.
   *
   * @param json the text of a {@code tokenizer.json}
   * @throws IllegalArgumentException with the library's words if it does not accept the text
   */
  NativeTokenizer(String json) {
    try {
      handle = TokenizersLibrary.LIB.createTokenizerFromString(json);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    TokenizersLibrary.LIB.disableTruncation(handle);
    TokenizersLibrary.LIB.disablePadding(handle);
  }

  /**
   * The ids of a text, or null if the text itself, not the model's rule, gives one that is refused.
   */
  int[] encode(String text, boolean addSpecial, IntPredicate refused) {
    lock.readLock().lock();
    try {
      if (handle == 0) {
        throw new IllegalStateException("the tokenizer is closed");
      }
      long encoding = TokenizersLibrary.LIB.encode(handle, text, addSpecial);
      try {
        long[] found = TokenizersLibrary.LIB.getTokenIds(encoding);
        long[] added = TokenizersLibrary.LIB.getSpecialTokenMask(encoding);
        int[] ids = new int[found.length];
        for (int i = 0; i < ids.length; i++) {
          ids[i] = Math.toIntExact(found[i]);
          if (added[i] == 0 && refused.test(ids[i])) {
            return null;
          }
        }
        return ids;
      } finally {
        TokenizersLibrary.LIB.deleteEncoding(encoding);
      }
    } finally {
      lock.readLock().unlock();
    }
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (handle != 0) {
        TokenizersLibrary.LIB.deleteTokenizer(handle);
        handle = 0;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  /**
   * Loads the JNI library, which DJL copies from its jar to {@code ~/.djl.ai} (or {@code
   * ENGINE_CACHE_DIR}). Where DJL sees a CUDA device it would download another one; naming the CPU
   * flavour while it loads keeps it off the network.
   *
   * @throws IOException if it cannot be loaded, with what to do
   */
  static synchronized void load() throws IOException {
    String property = "RUST_FLAVOR";
    String before = System.getProperty(property);
    try {
      System.setProperty(property, "cpu");
      LibUtils.checkStatus();
    } catch (RuntimeException | LinkageError e) {
      throw new IOException(
          "the tokenizers' native library cannot be loaded: "
              + e
              + "; it needs Linux or Windows on x86-64, or Linux or macOS on arm64, and a folder"
              + " that may be written (set ENGINE_CACHE_DIR to one)",
          e);
    } finally {
      if (before == null) {
        System.clearProperty(property);
      } else {
        System.setProperty(property, before);
      }
    }
  }
}
