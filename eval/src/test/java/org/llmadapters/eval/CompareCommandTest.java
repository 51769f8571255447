package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CompareCommandTest {
  @TempDir private Path directory;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int compare(Object... line) {
    return CommandRun.of(new CompareCommand(), out, err, line);
  }

  /** The items have the label {@code label}, the answers are the words of {@code answers}. */
  private Path write(String name, String label, String answers) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (String answer : answers.split(" ", -1)) {
      lines.append("{\"response\": \"").append(answer);
      lines.append("\", \"label\": \"").append(label).append("\"}\n");
    }
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, lines);
  }

  @Test
  void comparesTwoFilesItemByItem() throws IOException {
    Path first = write("a.jsonl", "1", "1 1 1 1 1 1 0 0");
    Path second = write("b.jsonl", "1", "1 0 0 0 0 0 0 0");
    assertThat(compare("--task", "SVAMP", "--predictions", first, "--predictions", second))
        .isZero();
    // 2 / 2^5 = 0.0625
    assertThat(out.toString().lines())
        .containsExactly(
            "A: " + first,
            "B: " + second,
            "SVAMP, A: accuracy 0.7500 (6 of 8, 95 % interval 0.4093 to 0.9285)",
            "SVAMP, B: accuracy 0.1250 (1 of 8, 95 % interval 0.0224 to 0.4709)",
            "SVAMP: both right 1, only A 5, only B 0, neither 2; exact McNemar test p = 0.0625");
  }

  @Test
  void comparesTheTasksThatTwoFoldersShare() throws IOException {
    write("one/SVAMP.jsonl", "1", "1 1 1 0");
    write("one/AQuA.jsonl", "B", "B A,B");
    write("one/gsm8k.jsonl", "1", "1");
    write("two/predictions/only/SVAMP.jsonl", "1", "0 0 0 0");
    write("two/predictions/only/AQuA.jsonl", "B", "B D");
    Path first = directory.resolve("one");
    Path second = directory.resolve("two");
    assertThat(compare("--predictions", first, "--predictions", second)).isZero();
    assertThat(out.toString().lines().filter(line -> line.contains("McNemar")))
        .containsExactly(
            "AQuA: both right 1, only A 0, only B 0, neither 1; exact McNemar test p = 1.0000",
            "AQuA, corrected rule: both right 1, only A 1, only B 0, neither 0; exact McNemar test p"
                + " = 1.0000",
            "SVAMP: both right 0, only A 3, only B 0, neither 1; exact McNemar test p = 0.2500",
            "all tasks: both right 1, only A 3, only B 0, neither 2; exact McNemar test p = 0.2500");
    out.getBuffer().setLength(0);
    assertThat(compare("--task", "SVAMP", "--predictions", first, "--predictions", second))
        .isZero();
    assertThat(out.toString()).doesNotContain("AQuA", "all tasks").contains("SVAMP, A:");
  }

  @Test
  void saysWhatCannotBeCompared() throws IOException {
    Path first = write("a.jsonl", "1", "1 1");
    Path second = write("b.jsonl", "1", "1");
    Path folder = directory.resolve("folder");
    write("folder/gsm8k.jsonl", "1", "1");
    write("several/predictions/x/gsm8k.jsonl", "1", "1");
    write("several/predictions/y/gsm8k.jsonl", "1", "1");
    Path empty = Files.createDirectory(directory.resolve("empty"));
    Path results = directory.resolve("several");
    assertFails(
        "--predictions: expected two files or folders to compare, got 1", "--predictions", first);
    assertFails(
        first + ": a file does not say which task it answers; give --task NAME",
        "--predictions",
        first,
        "--predictions",
        second);
    assertFails(
        first
            + " and "
            + second
            + ": 1 items are only in the first, 0 only in the second, 0 have different labels;"
            + " expected predictions of the same items",
        "--task",
        "SVAMP",
        "--predictions",
        first,
        "--predictions",
        second);
    assertFails(
        first + " and " + folder + ": have no task in common",
        "--task",
        "SVAMP",
        "--predictions",
        first,
        "--predictions",
        folder);
    assertFails(
        results
            + ": has predictions of several adapters; name one of "
            + results.resolve("predictions/x")
            + ", "
            + results.resolve("predictions/y"),
        "--predictions",
        results,
        "--predictions",
        folder);
    assertFails(
        empty + ": has no predictions; expected a folder that evaluate wrote",
        "--predictions",
        folder,
        "--predictions",
        empty);
  }

  private void assertFails(String message, Object... line) {
    err.getBuffer().setLength(0);
    assertThat(compare(line)).isOne();
    assertThat(err.toString().strip()).isEqualTo(message);
    assertThat(out.toString()).isEmpty();
  }
}
