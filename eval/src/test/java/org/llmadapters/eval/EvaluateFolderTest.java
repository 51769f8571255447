package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.llmadapters.eval.prompt.PromptTemplate;

/** {@code evaluate} over several tasks and adapters. */
final class EvaluateFolderTest extends EvaluateFixture {
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
            + advice
            + "\nOr give --truncate, which leaves out the first tokens of what is too long",
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
