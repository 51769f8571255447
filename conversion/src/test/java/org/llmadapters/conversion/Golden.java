package org.llmadapters.conversion;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.safetensors.SafetensorsFile;

/** Tiny checkpoints and adapters, and what Hugging Face computes with them: see their README. */
public final class Golden {
  /** Sums run in another order than in PyTorch; relative to the largest absolute value. */
  public static final double TOLERANCE = 1e-4;

  private Golden() {}

  /** A file or directory below {@code golden/}. */
  public static Path path(String name) {
    try {
      return Path.of(
          Objects.requireNonNull(Golden.class.getResource("/golden/" + name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The values of {@code golden.safetensors} in {@code directory}; caller closes. */
  public static SafetensorsFile values(String directory) throws IOException {
    return SafetensorsFile.open(path(directory).resolve("golden.safetensors"));
  }

  /** Copies a checkpoint to {@code target}, with another {@code eos_token_id}, null for none. */
  public static Path checkpoint(
      String name, Path target, @org.jspecify.annotations.Nullable Integer eos) throws IOException {
    Files.createDirectories(target);
    Files.copy(path(name).resolve("model.safetensors"), target.resolve("model.safetensors"));
    ObjectNode config = Json.readObject(path(name).resolve(HfConfig.FILE));
    config.put("eos_token_id", eos);
    Json.write(target.resolve(HfConfig.FILE), config);
    return target;
  }

  /** Logits of {@code model} for the rows of both paddings, at real tokens, against the golden. */
  public static void assertLogits(LoadedModel model, SafetensorsFile golden) throws IOException {
    for (String padding : new String[] {"right", "left"}) {
      assertLogits(model, golden, padding, padding + ".logits");
    }
  }

  /** The same for one padding and the expectation called {@code logits}. */
  public static void assertLogits(
      LoadedModel model, SafetensorsFile golden, String padding, String logits) throws IOException {
    long[] mask = golden.readLongs(padding + ".attention_mask");
    float[] expected = golden.readFloats(logits);
    float[] actual =
        model.logits(rows(golden, padding), golden.readLongs(padding + ".input_ids"), mask);
    assertClose(actual, expected, mask, TOLERANCE);
  }

  /** How many rows the batch {@code padding} has. */
  public static int rows(SafetensorsFile golden, String padding) {
    return Math.toIntExact(
        Objects.requireNonNull(golden.tensors().get(padding + ".input_ids")).shape().get(0));
  }

  /** Compares [tokens, vocab] where {@code mask} is 1. */
  public static void assertClose(float[] actual, float[] expected, long[] mask, double tolerance) {
    assertThat(actual).hasSameSizeAs(expected);
    int vocabSize = expected.length / mask.length;
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      if (mask[i / vocabSize] == 1) {
        largest = Math.max(largest, Math.abs(expected[i]));
        difference = Math.max(difference, Math.abs(expected[i] - (double) actual[i]));
        assertThat(actual[i]).isFinite();
      }
    }
    assertThat(largest).isPositive();
    assertThat(difference / largest).as("largest relative difference").isLessThan(tolerance);
  }
}
