package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** {@code evaluate --resume}. */
final class EvaluateResumeTest extends EvaluateFixture {
  /** As if the machine had gone down: no results, some predictions in half. */
  private static void cut(Path folder) throws IOException {
    for (String name : List.of("results.json", "results.md", "results.html")) {
      Files.delete(folder.resolve(name));
    }
    Files.delete(folder.resolve("predictions/lora/AQuA.jsonl"));
    Path half = folder.resolve("predictions/lora/SVAMP.jsonl");
    String text = Files.readString(half);
    Files.delete(half);
    List<String> lines = text.lines().toList();
    // Answers come in the order of the prompts' lengths.
    String partial = lines.get(3) + "\n" + lines.get(1) + "\n" + lines.get(2).substring(0, 40);
    Files.writeString(half.resolveSibling("SVAMP.jsonl.partial"), partial);
    Path whole = folder.resolve("predictions/base/SVAMP.jsonl");
    String all = Files.readString(whole);
    Files.writeString(whole, all.substring(0, all.length() - 30));
  }

  @Test
  void goesOnAfterACutAsIfThereHadBeenNone() throws IOException {
    assertThat(evaluate(both())).isZero();
    Map<String, String> uninterrupted = withoutSpeed(files(output));
    cut(output);
    assertThat(withoutSpeed(files(output))).isNotEqualTo(uninterrupted);
    assertThat(evaluate(both("--resume"))).as(err.toString()).isZero();
    assertThat(withoutSpeed(files(output))).isEqualTo(uninterrupted);
  }

  /** How long it took is never the same. */
  private static Map<String, String> withoutSpeed(Map<String, String> files) {
    files.computeIfPresent(
        "results.json", (name, text) -> text.replaceAll(",\\s*\"speed\" : \\{[^}]*\\}", ""));
    return files;
  }

  /**
   * Words that are almost equally likely, drawn by the numbers that the items have in their files.
   */
  @Test
  void drawsAfterACutWhatItWouldHaveDrawn() throws IOException {
    Object[] line = both("--do-sample", "--temperature", 1000, "--top-k", 0);
    assertThat(evaluate(line)).isZero();
    Map<String, String> uninterrupted = withoutSpeed(files(output));
    cut(output);
    assertThat(evaluate(Stream.concat(Stream.of(line), Stream.of("--resume")).toArray())).isZero();
    assertThat(withoutSpeed(files(output))).isEqualTo(uninterrupted);
  }

  @Test
  void keepsTheAnswersThatAreThereAndJudgesThemAnew() throws IOException {
    assertThat(evaluate(both())).isZero();
    Path file = output.resolve("predictions/base/SVAMP.jsonl");
    String edited =
        Files.readString(file)
            .replace(
                "\"response\":\"\",\"extracted\":null", "\"response\":\"3\",\"extracted\":null");
    Files.writeString(file, edited);
    assertThat(evaluate(both("--resume"))).isZero();
    assertThat(out.toString())
        .contains("SVAMP                 60.0 ")
        .contains("all answers were there; results in ");
    assertThat(file)
        .content()
        .contains("\"response\":\"3\",\"extracted\":\"3\",\"label\":\"3.0\",\"correct\":true");
  }

  @Test
  void resumeStartsWhereNothingIs() {
    assertThat(evaluate(both("--resume"))).isZero();
    assertThat(output.resolve("results.json")).exists();
  }

  @Test
  void adaptersAndTasksCanBeAddedAndBatchesResized() throws IOException {
    Object[] less = {"--data-dir", directory.resolve("data"), "--task", "SVAMP"};
    assertThat(evaluate(less)).isZero();
    batchSize = 3;
    assertThat(evaluate(both("--resume"))).isZero();
    assertThat(out.toString()).startsWith("task                  base              lora\n");
  }

  @Test
  void refusesToGoOnWithOtherSettings() throws IOException {
    assertThat(evaluate(both())).isZero();
    Map<String, String> before = files(output);
    write("data/SVAMP/test.json", "{\"instruction\": \"one\", \"answer\": 1}");
    String settings = Files.readString(output.resolve("settings.json"));
    String oldHash = hash(settings, settings.indexOf("\"SVAMP\""));
    String newHash = Fingerprint.of(List.of(directory.resolve("data/SVAMP/test.json")));
    assertFails(
        output.resolve("settings.json")
            + ": 4 settings of the evaluation to go on with differ\n"
            + "  template: was \"alpaca\", is \"llm-adapters-eval\" now\n"
            + "  limit: was 0, is 4 now\n"
            + "  adapters.lora: was evaluated, is not asked for now\n"
            + "  tasks.SVAMP.sha256: was "
            + shortened(oldHash)
            + ", is "
            + shortened(newHash)
            + " now\n"
            + "Evaluate with the same settings, or into another folder",
        "--data-dir",
        directory.resolve("data"),
        "--task",
        "SVAMP",
        "--task",
        "AQuA",
        "--resume",
        "--limit",
        4,
        "--template",
        "llm-adapters-eval");
    assertThat(files(output)).isEqualTo(before);
  }

  private static String hash(String settings, int from) {
    int start = settings.indexOf("sha256\"", from);
    return settings.substring(start).split("\"", -1)[2];
  }

  private static String shortened(String hash) {
    return "\"" + hash.substring(0, 56) + "...";
  }

  @Test
  void refusesPredictionsOfOtherItems() throws IOException {
    assertThat(evaluate(both())).isZero();
    Path file = output.resolve("predictions/base/AQuA.jsonl");
    List<String> lines = Files.readAllLines(file);
    Files.write(
        file,
        List.of(
            lines.get(0).replace("\"label\":\"A\"", "\"label\":\"C\""),
            lines.get(1).replace("three", "four"),
            lines.get(1).replace("\"index\":1", "\"index\":2")));
    assertFails(
        file
            + ": 3 predictions cannot be gone on with\n"
            + "  index 0: label C, the item's is A\n"
            + "  index 1: another prompt than the item's\n"
            + "  index 2: the task has 2 items\n"
            + "Evaluate with the template and the task's file of before, or into another folder",
        both("--resume"));
  }
}
