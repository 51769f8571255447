package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.task.ChoiceForm;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.PredictionsFile;
import org.llmadapters.eval.task.Task;
import org.llmadapters.eval.task.TaskFile;

/**
 * {@code evaluate --scoring loglikelihood}. After {@code one} the model expects {@code 1}, with the
 * adapter {@code 2}; after {@code two} both expect {@code 2}.
 */
final class EvaluateScoringTest extends EvaluateFixture {
  private Path choices = Path.of("");

  @BeforeEach
  void writeChoices() throws IOException {
    choices =
        write(
            "data/choices/test.json",
            "{\"context\": \"say one\", \"choices\": [\"1\", \"2\", \"3\"], \"gold\": 0}",
            "{\"query\": \"two\", \"choices\": [\"1\", \"2\"], \"label\": 1, \"other\": 5}",
            "{\"context\": \"three three two\", \"choices\": [\"1 1\", \"2\", \"3\"], \"gold\": 2}",
            "{\"context\": \"one\", \"choices\": [\"2\", \"1\"], \"gold\": 0}");
    write(
        "data/openbookqa/test.json",
        "{\"instruction\": \"Say one: Answer1: 1 Answer2: 2 Answer format: answer1/answer2\","
            + " \"answer\": \"answer1\"}",
        "{\"instruction\": \"two Answer1: 1 Answer2: 2 Answer3: 3 Answer format:"
            + " answer1/answer2/answer3\", \"answer\": \"answer3\"}");
  }

  private Object[] scored(Object... more) {
    List<Object> line =
        new ArrayList<>(
            List.of(
                "--scoring",
                "loglikelihood",
                "--data-dir",
                directory.resolve("data"),
                "--task",
                "choices",
                "--adapter",
                "base",
                "--adapter",
                one));
    line.addAll(List.of(more));
    return line.toArray();
  }

  @Test
  void theLikeliestChoiceIsTheAnswer() throws IOException {
    assertThat(evaluate(scored("--task", "openbookqa", "--choices", "option")))
        .as(err.toString())
        .isZero();
    List<String> lines = out.toString().lines().toList();
    assertThat(lines.subList(0, 3))
        .containsExactly(
            "task                           base              lora",
            "choices                        50.0 (15.0-85.0)  50.0 (15.0-85.0)",
            "choices, length-normalized     50.0 (15.0-85.0)  50.0 (15.0-85.0)");
    assertThat(lines.subList(3, 8).stream().map(line -> line.replaceFirst("  .*", "")))
        .containsExactly(
            "openbookqa",
            "openbookqa, length-normalized",
            "average",
            "average, length-normalized",
            "Percent of right answers, with the Wilson 95 % interval.");
    assertThat(lines.get(8)).matches("[0-9.]+ items/s, [0-9]+ tokens/s; results in .*results");
    assertThat(answers("base")).containsExactly("0", "1", "1", "1");
    assertThat(answers("lora")).containsExactly("1", "1", "1", "0");
    assertThat(Files.readAllLines(output.resolve("predictions/base/choices.jsonl")).get(3))
        .startsWith(
            "{\"index\":3,\"prompt\":\"one\",\"response\":\"1\",\"extracted\":\"1\",\"label\":\"0\","
                + "\"correct\":false,\"tokens\":6,\"correct_normalized\":false,"
                + "\"answers\":[\"0\",\"1\"],\"choices\":[\"2\",\"1\"],\"log_likelihoods\":[-");
    assertThat(Files.readString(output.resolve("results.json")))
        .contains("\"length_normalized\" : {", "\"items_per_second\" : ", "\"seconds\" : ")
        .doesNotContain("corrected_rule");
  }

  private List<String> answers(String adapter) throws IOException {
    return predictions(output.resolve("predictions/" + adapter + "/choices.jsonl")).stream()
        .map(Prediction::extracted)
        .toList();
  }

  private static List<Prediction> predictions(Path file) throws IOException {
    return PredictionsFile.read(file, Task.of("choices"));
  }

  @Test
  void batchesChangeNoSumByMoreThanRounding() throws IOException {
    batchSize = 1;
    assertThat(evaluate(scored())).isZero();
    Path alone = output;
    output = directory.resolve("batched");
    batchSize = 7;
    assertThat(evaluate(scored())).isZero();
    for (String adapter : List.of("base", "lora")) {
      List<Prediction> one =
          predictions(alone.resolve("predictions/" + adapter + "/choices.jsonl"));
      List<Prediction> many =
          predictions(output.resolve("predictions/" + adapter + "/choices.jsonl"));
      for (int i = 0; i < one.size(); i++) {
        for (int k = 0; k < one.get(i).choices().size(); k++) {
          // float32 has 6e-8, the logits are below 10, and two of their logarithms are added.
          assertThat(many.get(i).choices().get(k).logLikelihood())
              .isCloseTo(one.get(i).choices().get(k).logLikelihood(), within(1e-5));
        }
      }
    }
  }

  @Test
  void goesOnAfterACutAsIfThereHadBeenNone() throws IOException {
    assertThat(evaluate(scored())).isZero();
    Map<String, String> uninterrupted = files(output);
    Path file = output.resolve("predictions/lora/choices.jsonl");
    List<String> lines = Files.readAllLines(file);
    Files.delete(file);
    Files.writeString(
        file.resolveSibling("choices.jsonl.partial"), lines.get(2) + "\n" + lines.get(0));
    Files.delete(output.resolve("results.json"));
    assertThat(evaluate(scored("--resume"))).as(err.toString()).isZero();
    Map<String, String> resumed = files(output);
    for (String name : uninterrupted.keySet()) {
      if (!name.equals("results.json")) { // which has the speed
        assertThat(resumed.get(name)).as(name).isEqualTo(uninterrupted.get(name));
      }
    }
    assertFails(
        output.resolve("settings.json")
            + ": 2 settings of the evaluation to go on with differ\n"
            + "  choices: was \"answer\", is \"option\" now\n"
            + "  truncate: was not set, is true now\n"
            + "Evaluate with the same settings, or into another folder",
        scored("--resume", "--choices", "option", "--truncate"));
  }

  @Test
  void scoreAndCompareTakeScoredPredictions() throws IOException {
    assertThat(evaluate(scored())).isZero();
    assertThat(
            CommandRun.of(
                new ScoreCommand(),
                out,
                err,
                "--task",
                "choices",
                "--predictions",
                output.resolve("predictions/base/choices.jsonl")))
        .as(err.toString())
        .isZero();
    assertThat(out.toString())
        .contains(
            "choices: accuracy 0.5000 (2 of 4, 95 % interval 0.1500 to 0.8500)",
            "choices, length-normalized: accuracy 0.5000 (2 of 4, ");
    assertThat(
            CommandRun.of(
                new CompareCommand(),
                out,
                err,
                "--predictions",
                output.resolve("predictions/base"),
                "--predictions",
                output.resolve("predictions/lora")))
        .as(err.toString())
        .isZero();
  }

  @Test
  void aSingleFileOfPredictions() {
    output = directory.resolve("choices.jsonl");
    assertThat(evaluate("--scoring", "loglikelihood", "--task", "choices", "--data", choices))
        .isZero();
    assertThat(out.toString())
        .startsWith("choices: accuracy 0.5000 (2 of 4, 95 % interval 0.1500 to 0.8500)\n")
        .contains("; predictions in " + output);
  }

  @Test
  void promptsThatAreTooLongAreAnErrorOrCut() throws IOException {
    String words = "three ".repeat(270);
    choices =
        write(
            "long.jsonl",
            "{\"context\": \"" + words + "\", \"choices\": [\"1\", \"2 2\"], \"gold\": 0}",
            "{\"context\": \"two\", \"choices\": [\"1\", \"2\"], \"gold\": 1}");
    Object[] line = {"--scoring", "loglikelihood", "--task", "choices", "--data", choices};
    assertFails(
        "choices: a prompt and a choice of together 272 tokens exceed the 256 that the model takes\n"
            + "Or give --truncate, which leaves out the first tokens of what is too long",
        line);
    List<Object> truncating = new ArrayList<>(List.of(line));
    truncating.add("--truncate");
    assertThat(evaluate(truncating.toArray())).as(err.toString()).isZero();
    assertThat(out.toString())
        .contains(
            "1 of 2 prompts of choices were too long for the model with base and lost their first"
                + " tokens.");
    assertThat(Files.readString(output.resolve("results.json"))).contains("\"truncated\" : 1");
    BaseModel base = BaseModel.open(modelDirectory());
    try (TokenScorer scorer = TokenScorer.open(base, List.of(AdapterStack.BASE))) {
      List<Integer> rest = new ArrayList<>(Collections.nCopies(255, 5));
      rest.add(6);
      double sum = scorer.score(List.of(new TokenScorer.Sequence(rest, 255)), 1, f -> {}).get(0);
      assertThat(
              predictions(output.resolve("predictions/base/choices.jsonl"))
                  .get(0)
                  .choices()
                  .get(0)
                  .logLikelihood())
          .isCloseTo(sum, within(1e-5)); // float32 rounding
    }
  }

  @Test
  void saysWhichFlagsDoNotGoTogether() {
    assertFails(
        "--scoring loglikelihood compares the choices of an item, and items of SVAMP, gsm8k have"
            + " none; use --scoring generation for them",
        "--scoring",
        "loglikelihood",
        "--data-dir",
        directory.resolve("data"),
        "--task",
        "SVAMP",
        "--task",
        "AQuA",
        "--task",
        "gsm8k");
    assertFails(
        "the task choices has no questions to answer freely; give --scoring loglikelihood",
        "--task",
        "choices",
        "--data",
        choices);
    assertFails(
        "--choices has an effect with --scoring loglikelihood only", both("--choices", "option"));
    assertFails("--choices must be answer or option, got text", scored("--choices", "text"));
    assertFails(
        "--scoring must be generation or loglikelihood, got likelihood",
        both("--scoring", "likelihood"));
    assertThat(output).doesNotExist();
  }

  @Test
  void itemsWithoutChoicesAreNamed() throws IOException {
    Path bad =
        write(
            "bad.jsonl",
            "{\"instruction\": \"Which?\", \"answer\": \"answer1\"}",
            "{\"instruction\": \"Answer1: a Answer2: b Answer format: answer1/answer2\","
                + " \"answer\": \"answer3\"}",
            "{\"instruction\": \"Answer1: Answer2: b Answer format: answer1/answer2\","
                + " \"answer\": \"answer2\"}");
    assertFails(
        bad
            + ": 3 problems\n"
            + "  line 1: \"instruction\" lists no choices, expected \"Answer format: NAME/NAME...\""
            + " at its end\n"
            + "  line 2: \"answer\" is answer3, which is none of the choices answer1, answer2\n"
            + "  line 3: the choice answer1 of the \"instruction\" is empty\n"
            + "Expected records {\"instruction\": ..., \"answer\": ...}",
        "--scoring",
        "loglikelihood",
        "--choices",
        "option",
        "--task",
        "openbookqa",
        "--data",
        bad);
    Path own =
        write(
            "own.jsonl",
            "{\"context\": \"a\", \"choices\": [\"b\"], \"gold\": 0}",
            "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"gold\": 2}",
            "{\"context\": \"a\", \"choices\": \"b\", \"gold\": 0}",
            "{\"context\": \"a\", \"choices\": [\"b\", \"c\"]}",
            "{\"choices\": [\"b\", \"c\"], \"gold\": 0}");
    assertFails(
        own
            + ": 5 problems\n"
            + "  line 1: \"choices\" must be two or more texts that are not empty\n"
            + "  line 2: \"gold\" is 2, expected less than 2 choices\n"
            + "  line 3: \"choices\" must be a list of texts, got \"b\"\n"
            + "  line 4: \"gold\" is missing\n"
            + "  line 5: \"context\" is missing\n"
            + "Expected records {\"context\": ..., \"choices\": [...], \"gold\": ...}",
        "--scoring",
        "loglikelihood",
        "--task",
        "choices",
        "--data",
        own);
  }

  @Test
  void aTemplateFileThatHasChangedIsNotGoneOnWith() throws IOException {
    Path template = directory.resolve("template.json");
    String text =
        "{\"prompt_input\": \"{instruction} {input} >\\n\", \"prompt_no_input\":"
            + " \"{instruction} >\\n\", \"response_split\": \">\"}";
    Files.writeString(template, text);
    Object[] line = scored("--task", "openbookqa", "--choices", "option", "--template", template);
    assertThat(evaluate(line)).as(err.toString()).isZero();
    Files.writeString(template, text.replace("\"{instruction} >", "\"so: {instruction} >"));
    Object[] resumed =
        scored("--task", "openbookqa", "--choices", "option", "--template", template, "--resume");
    assertFails(
        output.resolve("settings.json")
            + ": 1 setting of the evaluation to go on with differ\n"
            + "  template.prompt_no_input: was \"{instruction} >\\n\", is \"so: {instruction} >\\n\" now\n"
            + "Evaluate with the same settings, or into another folder",
        resumed);
    Files.writeString(template, text);
    assertThat(evaluate(resumed)).as(err.toString()).isZero();
  }

  /** The template ends a line, so a choice follows it as it is. */
  @Test
  void choicesOfAnInstructionFollowTheTemplate() throws IOException {
    var items =
        TaskFile.readChoices(
            directory.resolve("data/openbookqa/test.json"),
            Task.of("openbookqa"),
            ChoiceForm.ANSWER);
    assertThat(items.get(1).choices().get(2).continuation())
        .isEqualTo("the correct answer is answer3");
    assertThat(Task.of("openbookqa").prompt(items.get(1), PromptTemplate.ALPACA)).endsWith(":\n");
  }
}
