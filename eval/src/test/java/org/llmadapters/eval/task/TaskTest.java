package org.llmadapters.eval.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.eval.prompt.PromptTemplate;

final class TaskTest {

  @Test
  void knowsTheSetsOfLlmAdapters() {
    assertThat(Task.names())
        .containsExactly(
            "AddSub",
            "MultiArith",
            "SingleEq",
            "gsm8k",
            "SVAMP",
            "mawps",
            "math",
            "AQuA",
            "mathqa",
            "boolq",
            "piqa",
            "social_i_qa",
            "hellaswag",
            "winogrande",
            "ARC-Easy",
            "ARC-Challenge",
            "openbookqa",
            "choices");
    assertThat(Task.names()).allSatisfy(name -> assertThat(Task.of(name).name()).isEqualTo(name));
  }

  @Test
  void listsTheTasksWhenTheNameIsUnknown() {
    assertThatThrownBy(() -> Task.of("svamp"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "unknown task \"svamp\"; known: AddSub, MultiArith, SingleEq, gsm8k, SVAMP, mawps,"
                + " math, AQuA, mathqa, boolq, piqa, social_i_qa, hellaswag, winogrande, ARC-Easy,"
                + " ARC-Challenge, openbookqa, choices");
  }

  @Test
  void asksInTheTemplateGiven() {
    TaskItem item = new TaskItem("What is 2 + 3?", "", "5.0");

    assertThat(Task.of("gsm8k").prompt(item, PromptTemplate.LLM_ADAPTERS_EVAL))
        .isEqualTo(PromptTemplate.LLM_ADAPTERS_EVAL.prompt("What is 2 + 3?", ""));
  }

  @Test
  void gradesARightAnswer() {
    assertThat(Task.of("math").grade(4, "2 + 3?", "2 + 3 is 5.", "5.0", 9))
        .isEqualTo(new Prediction(4, "2 + 3?", "2 + 3 is 5.", "5.", "5.0", true, 9));
  }

  @Test
  void gradesAWrongAnswer() {
    assertThat(Task.of("math").grade(4, "2 + 3?", "6", "5.0", 1))
        .isEqualTo(new Prediction(4, "2 + 3?", "6", "6", "5.0", false, 1));
  }

  @Test
  void aResponseWithoutAnAnswerIsWrong() {
    assertThat(Task.of("math").grade(4, "2 + 3?", "five", "5.0", 1))
        .isEqualTo(new Prediction(4, "2 + 3?", "five", null, "5.0", false, 1));
  }

  @Test
  void rejectsALabelOfAnotherTask() {
    assertThatThrownBy(() -> Task.of("math").grade(0, "", "5", "true", 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the label must be a number such as 576 or 576.0, got \"true\"");
  }

  /** Labels are those of the data files; the first choice anywhere in the response counts. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "boolq | the correct answer is true | true | true",
        "boolq | the correct answer is untrue, false | true | true",
        "boolq | True | | true",
        "piqa | solution2 is better than solution1 | solution2 | solution1",
        "piqa | Solution1 | | solution1",
        "social_i_qa | the correct answer is answer3 | answer3 | answer3",
        "social_i_qa | answer 3 | | answer3",
        "hellaswag | ending4ending1 | ending4 | ending1",
        "hellaswag | ending5 | | ending1",
        "winogrande | option1 or option2? option2 | option1 | option2",
        "ARC-Easy | answer12 | answer1 | answer1",
        "ARC-Challenge | answer5 | answer5 | answer4",
        "openbookqa | answer6 | | answer4",
        "AQuA | Cross-multiply: the answer is B | C | B",
        "AQuA | the answer is b | | B",
        "mathqa | E | E | E"
      })
  void takesTheFirstChoiceThatOccurs(
      String task, String response, @Nullable String extracted, String label) {
    Prediction graded = Task.of(task).grade(0, "", response, label, 1);
    assertThat(graded.extracted()).isEqualTo(extracted);
    assertThat(graded.correct()).isEqualTo(label.equals(extracted));
  }

  @ParameterizedTest
  @CsvSource({
    "boolq, yes, 'one of true, false'",
    "piqa, solution3, 'one of solution1, solution2'",
    "AQuA, F, 'one of A, B, C, D, E'"
  })
  void rejectsALabelThatIsNoChoice(String task, String label, String expected) {
    assertThatThrownBy(() -> Task.of(task).grade(0, "", "", label, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the label must be " + expected + ", got \"" + label + "\"");
  }

  /** The published rule takes "A" of "All" for an answer and "C" of "Cross" for one. */
  @Test
  void theCorrectedRuleTakesTheLastLetterThatStandsAlone() {
    Task aqua = Task.of("AQuA");
    List<Prediction> predictions =
        List.of(
            aqua.grade(0, "", "Cross-multiply (A) or not, the answer is B.", "B", 1),
            aqua.grade(1, "", "D", "D", 1),
            aqua.grade(2, "", "All Equal", "A", 1),
            aqua.grade(3, "", "no idea", "E", 1));
    assertThat(Score.of(predictions)).isEqualTo(new Score(2, 4));
    assertThat(aqua.correctedScore(predictions)).contains(new Score(2, 4));
    assertThat(predictions)
        .extracting(Prediction::correct)
        .containsExactly(false, true, true, false);
    assertThat(Task.of("gsm8k").correctedScore(predictions)).isEmpty();
  }

  @Test
  void anotherTaskNeedsOnlyItsRule() {
    AnswerRule trueOrFalse =
        new AnswerRule() {
          @Override
          public Optional<String> extract(String response) {
            return response.contains("true") ? Optional.of("true") : Optional.empty();
          }

          @Override
          public boolean matches(String extracted, String label) {
            return extracted.equals(label);
          }

          @Override
          public boolean acceptsLabel(String label) {
            return label.equals("true") || label.equals("false");
          }

          @Override
          public String expectedLabel() {
            return "true or false";
          }
        };
    Task boolq = new Task("boolq", trueOrFalse);

    assertThat(boolq.grade(0, "", "the answer is true", "true", 4).correct()).isTrue();
    assertThat(boolq.grade(0, "", "the answer is false", "false", 4).extracted()).isNull();
  }
}
