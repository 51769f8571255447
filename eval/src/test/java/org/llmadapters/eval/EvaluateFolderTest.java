package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.eval.prompt.PromptTemplate;

/** {@code evaluate} over several tasks and adapters. */
final class EvaluateFolderTest {
  @TempDir private static Path shared;
  private static Path model = Path.of("");

  /** Answers {@code 2} where the base answers {@code 1}. */
  private static Path one = Path.of("");

  @TempDir private Path directory;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private Path output = Path.of("");
  private int batchSize = 2;

  @BeforeAll
  static void makeModels() throws IOException {
    model = NumberModel.write(shared);
    one =
        AdapterFiles.write(
            shared.resolve("lora"),
            BaseModel.open(model),
            new LoraConfig(1, 1, 0, TargetModules.of("o_proj")),
            EvaluateFolderTest::turnOneIntoTwo);
  }

  private static float[] turnOneIntoTwo(AdapterParameter parameter) {
    float[] values = new float[Math.toIntExact(parameter.elements())];
    values[parameter.name().contains("lora_A") ? 3 : 4] = 5;
    return values;
  }

  @BeforeEach
  void writeTasks() throws IOException {
    output = directory.resolve("results");
    write(
        "data/SVAMP/test.json",
        "{\"instruction\": \"one\", \"answer\": 1}",
        "{\"instruction\": \"a longer two\", \"answer\": \"5\"}",
        "{\"instruction\": \"say one in many words\", \"answer\": 2}",
        "{\"instruction\": \"three\", \"answer\": \"3.0\"}",
        "{\"instruction\": \"no number\", \"answer\": \"3.0\"}");
    write(
        "data/AQuA/test.json",
        "{\"instruction\": \"two\", \"answer\": \"A\"}",
        "{\"instruction\": \"three\", \"answer\": \"B\"}");
  }

  private Path write(String name, String... lines) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, List.of(lines));
  }

  private int evaluate(Object... more) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    List<Object> line =
        new ArrayList<>(
            List.of("--model", model, "--output", output, "--max-new-tokens", 4, "--batch-size"));
    line.add(batchSize);
    line.addAll(List.of(more));
    return CommandRun.of(new EvaluateCommand(), out, err, line.toArray());
  }

  private Object[] both(Object... more) {
    Object[] line = {
      "--data-dir",
      directory.resolve("data"),
      "--task",
      "SVAMP",
      "--task",
      "AQuA",
      "--adapter",
      "base",
      "--adapter",
      one
    };
    return Stream.concat(Stream.of(line), Stream.of(more)).toArray();
  }

  private void assertFails(String message, Object... line) {
    assertThat(evaluate(line)).isOne();
    assertThat(err.toString().strip()).isEqualTo(message);
  }

  /** Every file below {@code folder}, by its path from there. */
  private static Map<String, String> files(Path folder) throws IOException {
    Map<String, String> files = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(folder)) {
      for (Path path : paths.filter(Files::isRegularFile).toList()) {
        files.put(folder.relativize(path).toString(), Files.readString(path));
      }
    }
    return files;
  }

  @Test
  void printsATableOfTasksAndAdaptersAndWritesIt() throws IOException {
    assertThat(evaluate(both())).as(err.toString()).isZero();
    List<String> lines = out.toString().lines().toList();
    assertThat(lines.subList(0, 6))
        .containsExactly(
            "task                  base              lora",
            "SVAMP                 40.0 (11.8-76.9)  40.0 (11.8-76.9)",
            "AQuA                  0.0 (0.0-65.8)    0.0 (0.0-65.8)",
            "AQuA, corrected rule  0.0 (0.0-65.8)    0.0 (0.0-65.8)",
            "average               20.0              20.0",
            "Percent of right answers, with the Wilson 95 % interval.");
    assertThat(lines.get(6))
        .matches("[0-9.]+ items/s, [0-9]+ tokens/s; results in .*results")
        .hasSizeLessThan(500);
    assertThat(files(output).keySet())
        .containsExactly(
            "predictions/base/AQuA.jsonl",
            "predictions/base/SVAMP.jsonl",
            "predictions/lora/AQuA.jsonl",
            "predictions/lora/SVAMP.jsonl",
            "results.html",
            "results.json",
            "results.md",
            "settings.json");
    assertThat(output.resolve("results.md"))
        .content()
        .startsWith("| task | base | lora |\n| --- | ---: | ---: |\n| SVAMP | 40.0 (11.8-76.9) |");
    assertThat(Files.readAllLines(output.resolve("predictions/lora/SVAMP.jsonl")))
        .hasSize(5)
        .first()
        .asString()
        .startsWith("{\"index\":0,")
        .endsWith(
            "\"response\":\"2\",\"extracted\":\"2\",\"label\":\"1\",\"correct\":false,\"tokens\":2}");
  }

  @Test
  void eachAdapterAnswersAsIfEvaluatedAlone() throws IOException {
    assertThat(evaluate(both("--stack", "twice=lora," + copyOfOne("copy")))).isZero();
    Path together = output;
    for (String adapter : List.of("lora", "base")) {
      Path file = directory.resolve(adapter + ".jsonl");
      output = file;
      assertThat(
              evaluate(
                  "--task",
                  "SVAMP",
                  "--data",
                  directory.resolve("data/SVAMP/test.json"),
                  "--adapter",
                  adapter.equals("base") ? "base" : one))
          .isZero();
      assertThat(together.resolve("predictions/" + adapter + "/SVAMP.jsonl"))
          .hasSameBinaryContentAs(file);
    }
    assertThat(together.resolve("predictions/twice/SVAMP.jsonl")).exists();
  }

  private Path copyOfOne(String name) throws IOException {
    Path copy = Files.createDirectories(directory.resolve(name));
    for (String file : List.of("adapter_config.json", "adapter_model.safetensors")) {
      Files.copy(one.resolve(file), copy.resolve(file));
    }
    return copy;
  }

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
    Map<String, String> uninterrupted = files(output);
    cut(output);
    assertThat(files(output)).isNotEqualTo(uninterrupted);
    assertThat(evaluate(both("--resume"))).as(err.toString()).isZero();
    assertThat(files(output)).isEqualTo(uninterrupted);
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

  @Test
  void listsAllSetsThatAreMissingBeforeAnyWork() throws IOException {
    Path data = directory.resolve("data");
    write("data/boolq/test.json", "{\"instruction\": \"one\", \"answer\": \"true\"}");
    write("data/ARC-Easy/test.json", "{\"instruction\": \"one\", \"answer\": \"answer1\"}");
    assertFails(
        data
            + ": 6 test sets missing\n"
            + "  piqa/test.json\n"
            + "  social_i_qa/test.json\n"
            + "  hellaswag/test.json\n"
            + "  winogrande/test.json\n"
            + "  ARC-Challenge/test.json\n"
            + "  openbookqa/test.json\n"
            + "Put them there, as in the folder dataset/ of LLM-Adapters, or name the others with"
            + " --task",
        "--suite",
        "commonsense",
        "--data-dir",
        data);
    assertThat(output).doesNotExist();
  }

  @Test
  void namesTheTasksThatTheModelIsTooShortForBeforeAnyWork() throws IOException {
    write(
        "data/gsm8k/test.json",
        "{\"instruction\": \"one\", \"answer\": 1}",
        "{\"instruction\": \"" + "two ".repeat(256) + "\", \"answer\": 2}");
    write(
        "data/mawps/test.json", "{\"instruction\": \"" + "two ".repeat(300) + "\", \"answer\": 2}");
    int around = PromptTemplate.ALPACA.prompt("", "").split("\\s+", -1).length;
    String advice =
        " tokens and max_new_tokens 4 exceed max_position_embeddings 256 of the model; lower"
            + " --max-new-tokens or shorten the prompt";
    assertFails(
        "gsm8k: a prompt of "
            + (256 + around)
            + advice
            + "\nmawps: a prompt of "
            + (300 + around)
            + advice,
        "--data-dir",
        directory.resolve("data"),
        "--task",
        "SVAMP",
        "--task",
        "gsm8k",
        "--task",
        "mawps");
    assertThat(output).doesNotExist();
  }

  @Test
  void countsTestItemsInTheTrainingData() throws IOException {
    Path training =
        write(
            "train.jsonl",
            "{\"instruction\": \"ONE \", \"output\": \"1\"}",
            "{\"instruction\": \"three\", \"output\": \"3\"}",
            "{\"instruction\": \"four\", \"output\": \"4\"}");
    assertThat(evaluate(both("--training-data", training))).isZero();
    assertThat(out.toString())
        .contains(
            "2 of 5 items of SVAMP occur in the training data of base: its",
            "2 of 5 items of SVAMP occur in the training data of lora: its",
            "1 of 2 items of AQuA occur in the training data of base: its",
            "1 of 2 items of AQuA occur in the training data of lora: its");
    assertThat(Files.readString(output.resolve("results.json")))
        .containsSubsequence(
            "\"in_training_data\" : 2",
            "\"in_training_data\" : 1",
            "\"in_training_data\" : 2",
            "\"in_training_data\" : 1");
  }

  @Test
  void looksForTheTrainingDataInTheAdaptersRun() throws IOException {
    Path training = write("train.jsonl", "{\"instruction\": \"three\", \"output\": \"3\"}");
    Path known = copyOfOne("known");
    write("known/run.json", "{\"data\": \"" + training + "\", \"r\": \"8\"}");
    Path gone = copyOfOne("gone");
    write("gone/run.json", "{\"data\": \"" + directory.resolve("gone.json") + "\"}");
    Object[] line = {
      "--data-dir",
      directory.resolve("data"),
      "--task",
      "SVAMP",
      "--adapter",
      "base",
      "--adapter",
      known,
      "--adapter",
      gone
    };
    assertThat(evaluate(line)).isZero();
    assertThat(out.toString())
        .contains("1 of 5 items of SVAMP occur in the training data of known")
        .doesNotContain("training data of base", "training data of gone");
    assertThat(Files.readString(output.resolve("results.json")))
        .containsOnlyOnce("in_training_data");
  }

  @Test
  void replacesAnEvaluationOnlyOnRequest() throws IOException {
    Object[] line = {"--data-dir", directory.resolve("data"), "--task", "AQuA"};
    assertThat(evaluate(both())).isZero();
    Map<String, String> before = files(output);
    assertFails(
        output
            + ": exists and is not empty; name another folder, or give --resume to go on or"
            + " --overwrite",
        line);
    assertThat(files(output)).isEqualTo(before);
    Object[] overwriting = Stream.concat(Stream.of(line), Stream.of("--overwrite")).toArray();
    assertThat(evaluate(overwriting)).isZero();
    assertThat(files(output).keySet())
        .containsExactly(
            "predictions/base/AQuA.jsonl",
            "results.html",
            "results.json",
            "results.md",
            "settings.json");
  }

  @Test
  void leavesFoldersOfOthersAlone() throws IOException {
    output = directory.resolve("data");
    assertFails(
        output
            + ": holds AQuA, SVAMP, so it is not the folder of an evaluation; nothing was changed."
            + " Name another folder",
        both("--overwrite"));
    output = directory.resolve("half");
    Files.createDirectories(output.resolve("predictions"));
    assertFails(
        output
            + ": has no settings.json, so it is not the folder of an evaluation; nothing was"
            + " changed. Name another folder",
        both("--resume"));
  }

  @Test
  void saysWhatDoesNotGoTogether() {
    Path data = directory.resolve("data/SVAMP/test.json");
    assertFails("name what to evaluate by either --task or --suite, got neither", "--data", data);
    assertFails(
        "name what to evaluate by either --task or --suite, got both",
        "--task",
        "SVAMP",
        "--suite",
        "math",
        "--data",
        data);
    assertFails("--task SVAMP, SVAMP: name each once", "--task", "SVAMP", "--task", "SVAMP");
    assertFails(
        "give the questions by either --data FILE or --data-dir DIR, got neither",
        "--task",
        "SVAMP");
    assertFails(
        "--data "
            + data
            + ": is the file of one task, got 2 tasks; give --data-dir DIR with NAME/test.json for"
            + " each",
        "--task",
        "SVAMP",
        "--task",
        "AQuA",
        "--data",
        data);
    assertFails(
        "--resume and --overwrite: an evaluation is gone on with or replaced, give one of them",
        both("--resume", "--overwrite"));
    output = directory.resolve("p.jsonl");
    assertFails(
        output + ": a .jsonl file is for one task and one adapter, got 2 and 2; name a folder",
        both());
    assertFails(
        output + ": --resume needs the settings in an evaluation's folder; name a folder",
        "--task",
        "SVAMP",
        "--data",
        data,
        "--resume");
    assertThat(output).doesNotExist();
  }
}
