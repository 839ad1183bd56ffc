package dev.jangle.jcuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jangle.backend.Backend;
import dev.jangle.backend.BackendKind;
import dev.jangle.backend.DeviceBuffer;
import dev.jangle.backend.Kernels;
import dev.jangle.backend.Matrix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.Pointer;
import jcuda.runtime.cudaStream_t;
import org.junit.jupiter.api.Test;

/** The example of the README and of the package's Javadoc: it compiles, it runs, it is the same. */
class ExampleTest {
  // @start region="add"
  static void add(Pointer x, Pointer y, int n, cudaStream_t stream) {
    try (Backend backend = Backend.open(BackendKind.CUDA, 0, null);
        Kernels kernels = JCudaStreams.kernels(backend, stream)) {
      Matrix from = Matrix.of(JCudaBuffers.buffer(backend, x, 4L * n), 1, n);
      Matrix to = Matrix.of(JCudaBuffers.buffer(backend, y, 4L * n), 1, n);
      kernels.residual(from, to); // y += x, in the stream's order
    }
  }

  // @end

  @Test
  void itAdds() {
    try (Backend backend = Gpu.open();
        Kernels kernels = backend.newKernels();
        DeviceBuffer x = kernels.upload(new float[] {1, 2});
        DeviceBuffer y = kernels.upload(new float[] {10, 20})) {
      add(JCudaBuffers.pointer(x), JCudaBuffers.pointer(y), 2, JCudaStreams.stream(kernels));
      assertArrayEquals(new float[] {11, 22}, Gpu.floats(kernels, y, 2));
    }
  }

  @Test
  void theReadmeShowsIt() throws IOException {
    String code = between(text("README.md"), "\n## With JCuda\n\n", "\n\nJCuda ");
    assertEquals(example(), code.stripIndent());
  }

  @Test
  void thePackagesJavadocShowsIt() throws IOException {
    String source = text("java/jcuda/src/main/java/dev/jangle/jcuda/package-info.java");
    String snippet = between(source, " * {@snippet lang=\"java\" :\n", "\n * }\n *\n");
    assertEquals(example(), snippet.replaceAll("(?m)^ \\* ", ""));
  }

  /** The region of this file. */
  private static String example() throws IOException {
    String source = text("tests/jcuda/java/dev/jangle/jcuda/ExampleTest.java");
    return between(source, "  // @start region=\"add\"\n", "\n\n  // @end\n").stripIndent();
  }

  private static String between(String text, String before, String after) {
    int start = text.indexOf(before) + before.length();
    return text.substring(start, text.indexOf(after, start));
  }

  private static String text(String file) throws IOException {
    return Files.readString(Path.of(System.getProperty("jangle.root"), file));
  }
}
