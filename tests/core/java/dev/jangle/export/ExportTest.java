package dev.jangle.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jangle.GenerationOptions;
import dev.jangle.LoadProgress;
import dev.jangle.Model;
import dev.jangle.ModelOptions;
import dev.jangle.format.Adapters;
import dev.jangle.format.Checkpoint;
import dev.jangle.format.DType;
import dev.jangle.format.FormatException;
import dev.jangle.format.LoraAdapter;
import dev.jangle.format.TensorFloats;
import dev.jangle.text.Tokenizer;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExportTest {
  private static final LoadProgress SILENT = (done, total) -> {};
  private static final Path GGUF =
      Path.of(
          System.getProperty("jangle.root"), "tests/core/resources/models/gguf_q4_1/model.gguf");

  @TempDir Path folder;

  private static List<Integer> text(Path model, Path adapter) throws IOException {
    ModelOptions options = ModelOptions.defaults().withThreads(2);
    try (Model opened =
        Model.open(model, adapter == null ? options : options.withAdapter(adapter))) {
      return opened.generate("in the", GenerationOptions.defaults().withMaxTokens(32)).tokens();
    }
  }

  private List<String> files() throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  /** GGUF to folder to GGUF: the same weights, tokenizer and text. */
  @Test
  void thereAndBackIsTheSameModel() throws IOException {
    Path hf = folder.resolve("hf");
    Path gguf = folder.resolve("back.gguf");
    try (Checkpoint model = Checkpoint.open(GGUF)) {
      Export.huggingFace(model, null, DType.F32, hf, SILENT);
      try (Checkpoint exported = Checkpoint.open(hf)) {
        Export.gguf(exported, null, DType.F32, gguf, SILENT);
      }
      try (Checkpoint back = Checkpoint.open(gguf);
          Tokenizer before = Tokenizer.open(model.tokenizer());
          Tokenizer after = Tokenizer.open(back.tokenizer())) {
        assertEquals(model.config(), back.config());
        for (String name : model.names()) {
          assertArrayEquals(
              TensorFloats.of(model.tensor(name)), TensorFloats.of(back.tensor(name)), name);
        }
        String words = "the rest <|im_start|> of 12 words\n";
        assertArrayEquals(before.encode(words, true, true), after.encode(words, true, true));
        assertEquals(before.endTokens(), after.endTokens());
        assertEquals(before.bos(), after.bos());
      }
    }
    assertEquals(text(hf, null), text(gguf, null));
    assertEquals(List.of("back.gguf", "hf"), files());
  }

  /** The adapter's change goes in before the format's rounding. */
  @Test
  void anAdapterIsMergedExactly() throws IOException {
    Path adapter = Adapters.write(folder.resolve("adapter"), GGUF, 4, 0.05);
    Path hf = folder.resolve("hf");
    Path gguf = folder.resolve("merged.gguf");
    AtomicLong done = new AtomicLong();
    try (Checkpoint model = Checkpoint.open(GGUF)) {
      LoraAdapter lora = LoraAdapter.open(adapter, model);
      Export.huggingFace(model, lora, DType.F32, hf, (now, total) -> done.set(total - now));
      assertEquals(0, done.get());
      Export.gguf(model, lora, DType.Q8_0, gguf, SILENT);
      try (Checkpoint folderModel = Checkpoint.open(hf);
          Checkpoint fileModel = Checkpoint.open(gguf)) {
        for (String name : model.names()) {
          float[] exact = TensorFloats.of(lora.merge(model.tensor(name), DType.F32).as(DType.F32));
          assertArrayEquals(exact, TensorFloats.of(folderModel.tensor(name)), name);
          if (model.shape(name).length == 2) {
            assertArrayEquals(
                folderModel.tensor(name).as(DType.Q8_0).data().toArray(ValueLayout.JAVA_BYTE),
                fileModel.tensor(name).data().toArray(ValueLayout.JAVA_BYTE),
                name);
          }
        }
      }
    }
  }

  @Test
  void loadingAnAdapterIsLoadingTheMergedModel() throws IOException {
    Path base = folder.resolve("base");
    Path merged = folder.resolve("merged");
    try (Checkpoint model = Checkpoint.open(GGUF)) {
      Export.huggingFace(model, null, DType.F32, base, SILENT);
    }
    Path adapter = Adapters.write(folder.resolve("adapter"), base, 4, 0.05);
    try (Checkpoint model = Checkpoint.open(base)) {
      Export.huggingFace(model, LoraAdapter.open(adapter, model), DType.F32, merged, SILENT);
    }
    assertEquals(text(merged, null), text(base, adapter));
    assertTrue(!text(base, null).equals(text(base, adapter)), "the adapter changes the text");
  }

  @Test
  void aModelOfAnotherShapeRefusesTheAdapter() throws IOException {
    Path other = GGUF.resolveSibling("../gguf_qwen3_f16/model.gguf").normalize();
    Path adapter = Adapters.write(folder.resolve("adapter"), other, 4, 0.05);
    FormatException e = assertThrows(FormatException.class, () -> text(GGUF, adapter));
    assertTrue(e.getMessage().contains("belongs to another model"), e.getMessage());
  }

  @Test
  void whatIsThereIsNotOverwritten() throws IOException {
    Path file = Files.writeString(folder.resolve("there"), "mine");
    Path full = Files.createDirectory(folder.resolve("full"));
    Files.writeString(full.resolve("mine"), "mine");
    Path empty = Files.createDirectory(folder.resolve("empty"));
    try (Checkpoint model = Checkpoint.open(GGUF)) {
      for (Path taken : List.of(file, full)) {
        assertThrows(
            FileAlreadyExistsException.class,
            () -> Export.huggingFace(model, null, DType.F32, taken, SILENT));
        assertThrows(
            FileAlreadyExistsException.class,
            () -> Export.gguf(model, null, DType.F32, taken, SILENT));
      }
      FileAlreadyExistsException noFile =
          assertThrows(
              FileAlreadyExistsException.class,
              () -> Export.gguf(model, null, DType.F32, empty, SILENT));
      assertEquals(empty.toString(), noFile.getFile());
      Export.huggingFace(model, null, DType.BF16, empty, SILENT);
      assertTrue(Files.exists(empty.resolve("model.safetensors")));
    }
    assertEquals("mine", Files.readString(file));
    assertEquals(List.of("empty", "full", "there"), files());
  }

  @Test
  void aFolderThatCannotBeWrittenToIsNamed() throws IOException {
    Path missing = folder.resolve("missing");
    Path closed = Files.createDirectory(folder.resolve("closed"));
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("r-xr-xr-x"));
    try (Checkpoint model = Checkpoint.open(GGUF)) {
      cannotBeWritten(model, missing, "the folder " + missing + " does not exist");
      if (!Files.isWritable(closed)) { // root may write to it
        cannotBeWritten(model, closed, "no permission to write in the folder " + closed);
      }
    }
  }

  private static void cannotBeWritten(Checkpoint model, Path to, String why) {
    Path file = to.resolve("model.gguf");
    IOException e =
        assertThrows(IOException.class, () -> Export.gguf(model, null, DType.F32, file, SILENT));
    assertTrue(e.getMessage().startsWith(file + ": cannot be written: " + why), e.getMessage());
  }

  @Test
  void aFailureLeavesNothing() throws IOException {
    Path out = folder.resolve("out");
    LoadProgress half =
        (done, total) -> {
          if (2 * done > total) {
            throw new IllegalStateException("stop");
          }
        };
    Files.createDirectories(folder.resolve("out.part/left"));
    try (Checkpoint model = Checkpoint.open(GGUF)) {
      assertThrows(
          IllegalStateException.class, () -> Export.huggingFace(model, null, DType.F32, out, half));
      assertEquals(List.of(), files());
      assertThrows(
          IllegalStateException.class, () -> Export.gguf(model, null, DType.F32, out, half));
      assertEquals(List.of(), files());
      assertThrows(
          IllegalArgumentException.class,
          () -> Export.huggingFace(model, null, DType.Q8_0, out, SILENT));
      assertThrows(
          IllegalArgumentException.class, () -> Export.gguf(model, null, DType.Q4_1, out, SILENT));
    }
  }
}
