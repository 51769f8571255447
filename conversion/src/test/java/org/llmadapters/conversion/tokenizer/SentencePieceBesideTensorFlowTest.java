package org.llmadapters.conversion.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.graph.compile.OpDeterminism;

/**
 * SentencePiece's library and TensorFlow's have two versions of Protocol Buffers inside. If the one
 * saw the other's symbols, the process would end, so that this takes a process of its own.
 */
final class SentencePieceBesideTensorFlowTest {
  @TempDir Path directory;

  @Test
  void encodesAfterTensorFlowHasStarted() throws IOException, InterruptedException {
    TinyTokenizers.writeModel(directory);
    Path log = directory.resolve("log");
    int code =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Encode.class.getName(),
                directory.toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start()
            .waitFor();
    assertThat(code).as(Files.readString(log)).isZero();
    assertThat(Files.readString(log)).contains("tokens: [");
  }

  /** Starts TensorFlow, calls a function that it has no binding for, and encodes a text. */
  static final class Encode {
    private Encode() {}

    public static void main(String[] arguments) throws IOException {
      OpDeterminism.set(false);
      try (Tokenizer tokenizer = Tokenizers.load(Path.of(arguments[0])).orElseThrow()) {
        System.out.println("tokens: " + Arrays.toString(tokenizer.encode("la ab", false)));
      }
    }
  }
}
