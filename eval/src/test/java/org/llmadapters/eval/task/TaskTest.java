package org.llmadapters.eval.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.llmadapters.eval.prompt.PromptTemplate;

final class TaskTest {

  @Test
  void knowsTheSetsWhoseAnswersAreNumbers() {
    assertThat(Task.names())
        .containsExactly("AddSub", "MultiArith", "SingleEq", "gsm8k", "SVAMP", "mawps", "math");
    assertThat(Task.names()).allSatisfy(name -> assertThat(Task.of(name).name()).isEqualTo(name));
  }

  @Test
  void listsTheTasksWhenTheNameIsUnknown() {
    assertThatThrownBy(() -> Task.of("svamp"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "unknown task \"svamp\"; known: AddSub, MultiArith, SingleEq, gsm8k, SVAMP, mawps,"
                + " math");
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
