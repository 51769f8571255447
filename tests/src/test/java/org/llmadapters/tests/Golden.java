package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.llmadapters.conversion.safetensors.SafetensorsFile;
import org.llmadapters.conversion.tensors.TensorInfo;
import org.llmadapters.training.step.TokenBatch;

/** What Hugging Face computes with the tiny models: see {@code golden/README.md}. */
final class Golden implements AutoCloseable {
  private final SafetensorsFile file;

  private Golden(SafetensorsFile file) {
    this.file = file;
  }

  /** The values of {@code golden.safetensors} in {@code directory}; caller closes. */
  static Golden open(String directory) throws IOException {
    return new Golden(SafetensorsFile.open(path(directory + "/golden.safetensors")));
  }

  /** The names of the directories in {@code name}, sorted. */
  static List<String> directories(String name) {
    File[] found = Objects.requireNonNull(path(name).toFile().listFiles(File::isDirectory));
    return Arrays.stream(found).map(File::getName).sorted().toList();
  }

  /**
   * A file or directory below {@code golden/}, where it is kept: a copy in {@code target} may hold
   * what is not there any more.
   */
  static Path path(String name) {
    Path path = Path.of("src/test/resources/golden").resolve(name).toAbsolutePath();
    assertThat(path).exists();
    return path;
  }

  /** All names that begin with {@code prefix}, without it. */
  List<String> names(String prefix) {
    return file.tensors().keySet().stream()
        .filter(name -> name.startsWith(prefix))
        .map(name -> name.substring(prefix.length()))
        .toList();
  }

  boolean has(String name) {
    return file.tensors().containsKey(name);
  }

  List<Long> shape(String name) {
    return Objects.requireNonNull(file.tensors().get(name), name).shape();
  }

  float[] floats(String name) throws IOException {
    return file.readFloats(name);
  }

  /** A tensor [B, P + T, width] without its first P columns, those of virtual tokens. */
  float[] ofTokens(String name) throws IOException {
    int columns = Math.toIntExact(shape(name).get(1));
    int width = Math.toIntExact(shape(name).get(2));
    int tokens = matrix("right.input_ids")[0].length;
    float[] all = floats(name);
    int rows = all.length / columns / width;
    float[] kept = new float[rows * tokens * width];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(
          all, ((row + 1) * columns - tokens) * width, kept, row * tokens * width, tokens * width);
    }
    return kept;
  }

  float scalar(String name) throws IOException {
    float[] values = floats(name);
    assertThat(values).as(name).hasSize(1);
    return values[0];
  }

  /** The tensor [B, T] called {@code name}. */
  int[][] matrix(String name) throws IOException {
    return matrix(name, 0, 1);
  }

  /** Part {@code index} of the tensor [parts, B, T] called {@code name}. */
  private int[][] matrix(String name, int index, int parts) throws IOException {
    int columns = Math.toIntExact(shape(name).get(shape(name).size() - 1));
    long[] values = file.readLongs(name);
    int rows = values.length / parts / columns;
    int[][] matrix = new int[rows][columns];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        matrix[row][column] = Math.toIntExact(values[(index * rows + row) * columns + column]);
      }
    }
    return matrix;
  }

  /** {@code right} or {@code left}; caller closes. */
  TokenBatch batch(String padding) throws IOException {
    return TokenBatch.of(
        matrix(padding + ".input_ids"),
        matrix(padding + ".attention_mask"),
        matrix(padding + ".labels"),
        0);
  }

  /** The same with every real token as a label; caller closes. */
  TokenBatch batchOfAllTokens(String padding) throws IOException {
    int[][] ids = matrix(padding + ".input_ids");
    int[][] mask = matrix(padding + ".attention_mask");
    int[][] labels = new int[ids.length][ids[0].length];
    for (int row = 0; row < labels.length; row++) {
      for (int column = 0; column < labels[row].length; column++) {
        labels[row][column] = mask[row][column] == 1 ? ids[row][column] : -100;
      }
    }
    return TokenBatch.of(ids, mask, labels, 0);
  }

  /** Number {@code index} of the five training batches; caller closes. */
  TokenBatch trainingBatch(int index) throws IOException {
    return TokenBatch.of(
        matrix("train.input_ids", index, 5),
        matrix("train.attention_mask", index, 5),
        matrix("train.labels", index, 5),
        0);
  }

  /** The same batch as lines of training data, a line for each row, without what is masked. */
  String trainingLines(int index) throws IOException {
    int[][] ids = matrix("train.input_ids", index, 5);
    int[][] mask = matrix("train.attention_mask", index, 5);
    int[][] labels = matrix("train.labels", index, 5);
    StringBuilder lines = new StringBuilder();
    for (int row = 0; row < ids.length; row++) {
      List<Integer> rowIds = new ArrayList<>();
      List<Integer> rowLabels = new ArrayList<>();
      for (int column = 0; column < ids[row].length; column++) {
        if (mask[row][column] == 1) {
          rowIds.add(ids[row][column]);
          rowLabels.add(labels[row][column]);
        }
      }
      lines.append("{\"input_ids\": ").append(rowIds);
      lines.append(", \"labels\": ").append(rowLabels).append("}\n");
    }
    return lines.toString();
  }

  /** Where the U8 tensor called {@code name} is 1; nowhere if there is no such tensor. */
  boolean[] marked(String name, int elements) throws IOException {
    boolean[] marked = new boolean[elements];
    if (has(name)) {
      TensorInfo tensor = Objects.requireNonNull(file.tensors().get(name));
      assertThat(tensor.dtype() + " " + tensor.bytes()).as(name).isEqualTo("U8 " + elements);
      byte[] bytes = Files.readAllBytes(file.path());
      for (int i = 0; i < elements; i++) {
        marked[i] = bytes[(int) tensor.offset() + i] != 0;
      }
    }
    return marked;
  }

  /** Asserts that all elements are within {@code tolerance} of the largest expected value. */
  static void assertClose(String what, float[] actual, float[] expected, double tolerance) {
    boolean[] none = new boolean[expected.length];
    assertClose(what, actual, expected, none, tolerance * largest(expected, none));
  }

  /** The same at positions [B, T] of real tokens only, for tensors [B, T, width]. */
  static void assertCloseAtTokens(
      String what, float[] actual, float[] expected, int[][] mask, double tolerance) {
    int[] flat = Arrays.stream(mask).flatMapToInt(Arrays::stream).toArray();
    int width = expected.length / flat.length;
    boolean[] skipped = new boolean[expected.length];
    for (int i = 0; i < skipped.length; i++) {
      skipped[i] = flat[i / width] == 0;
    }
    assertClose(what, actual, expected, skipped, tolerance * largest(expected, skipped));
  }

  /** Asserts that no element but the skipped ones is further off than {@code limit}. */
  static void assertClose(
      String what, float[] actual, float[] expected, boolean[] skipped, double limit) {
    assertThat(actual).as(what).hasSameSizeAs(expected);
    assertThat(limit).as(what).isPositive();
    double worst = 0;
    int at = 0;
    for (int i = 0; i < expected.length; i++) {
      if (skipped[i]) {
        continue;
      }
      double difference = Math.abs(actual[i] - (double) expected[i]);
      assertThat(actual[i]).as("%s: element %d", what, i).isFinite();
      if (difference > worst) {
        worst = difference;
        at = i;
      }
    }
    assertThat(worst)
        .as("%s: element %d is %s, expected %s", what, at, actual[at], expected[at])
        .isLessThanOrEqualTo(limit);
  }

  /** The largest absolute value. */
  static double largest(float[] values) {
    return largest(values, new boolean[values.length]);
  }

  private static double largest(float[] values, boolean[] skipped) {
    double largest = 0;
    for (int i = 0; i < values.length; i++) {
      largest = skipped[i] ? largest : Math.max(largest, Math.abs((double) values[i]));
    }
    return largest;
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
