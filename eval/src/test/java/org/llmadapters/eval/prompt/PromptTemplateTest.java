package org.llmadapters.eval.prompt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class PromptTemplateTest {

  @Test
  void alpacaWithoutInput() {
    assertThat(PromptTemplate.ALPACA.prompt("Add 2 and 3.", ""))
        .isEqualTo(
            "Below is an instruction that describes a task. Write a response that appropriately"
                + " completes the request.\n"
                + "\n"
                + "### Instruction:\n"
                + "Add 2 and 3.\n"
                + "\n"
                + "### Response:\n");
  }

  @Test
  void alpacaWithInput() {
    assertThat(PromptTemplate.ALPACA.prompt("Add.", "2, 3"))
        .isEqualTo(
            "Below is an instruction that describes a task, paired with an input that provides"
                + " further context. Write a response that appropriately completes the request.\n"
                + "\n"
                + "### Instruction:\n"
                + "Add.\n"
                + "\n"
                + "### Input:\n"
                + "2, 3\n"
                + "\n"
                + "### Response:\n");
  }

  @Test
  void llmAdaptersTrainWithoutInput() {
    assertThat(PromptTemplate.LLM_ADAPTERS_TRAIN.prompt("Add 2 and 3.", ""))
        .isEqualTo(
            "Below is an instruction that describes a task. Write a response that appropriately"
                + " completes the request.  \n"
                + "\n"
                + "                ### Instruction:\n"
                + "                Add 2 and 3.\n"
                + "                \n"
                + "                ### Response:\n"
                + "                ");
  }

  @Test
  void llmAdaptersTrainWithInput() {
    assertThat(PromptTemplate.LLM_ADAPTERS_TRAIN.prompt("Add.", "2, 3"))
        .isEqualTo(
            "Below is an instruction that describes a task, paired with an input that provides"
                + " further context. Write a response that appropriately completes the request. \n"
                + "\n"
                + "                ### Instruction:\n"
                + "                Add.\n"
                + "                \n"
                + "                ### Input:\n"
                + "                2, 3\n"
                + "                \n"
                + "                ### Response:\n"
                + "                ");
  }

  @Test
  void llmAdaptersEvalWithoutInput() {
    assertThat(PromptTemplate.LLM_ADAPTERS_EVAL.prompt("Add 2 and 3.", ""))
        .isEqualTo(
            "Below is an instruction that describes a task. Write a response that appropriately"
                + " completes the request. \n"
                + "\n"
                + "                ### Instruction:\n"
                + "                Add 2 and 3.\n"
                + "\n"
                + "                ### Response:\n"
                + "                ");
  }

  @Test
  void llmAdaptersEvalWithInput() {
    assertThat(PromptTemplate.LLM_ADAPTERS_EVAL.prompt("Add.", "2, 3"))
        .isEqualTo(
            "Below is an instruction that describes a task, paired with an input that provides"
                + " further context. Write a response that appropriately completes the request.\n"
                + "\n"
                + "                ### Instruction:\n"
                + "                Add.\n"
                + "\n"
                + "                ### Input:\n"
                + "                2, 3\n"
                + "\n"
                + "                ### Response:\n"
                + "                ");
  }

  @Test
  void doesNotIndentLinesInsideTheInstruction() {
    assertThat(PromptTemplate.LLM_ADAPTERS_TRAIN.prompt("one\ntwo", ""))
        .contains("                one\ntwo\n                \n");
  }

  @Test
  void keepsAnInputOfSpaces() {
    assertThat(PromptTemplate.ALPACA.prompt("Add.", " ")).contains("### Input:\n \n\n");
  }

  @ParameterizedTest
  @EnumSource
  void putsTheOutputRightAfterThePrompt(PromptTemplate template) {
    assertThat(template.full("Add.", "2, 3", " The sum\nis 5. "))
        .isEqualTo(template.prompt("Add.", "2, 3") + " The sum\nis 5. ");
  }

  @ParameterizedTest
  @EnumSource
  void findsTheResponseInTheDecodedText(PromptTemplate template) {
    String decoded = "<s> " + template.full("Add.", "2, 3", "The sum\nis 5.\n") + "  ";

    assertThat(template.response(decoded)).isEqualTo("The sum\nis 5.");
  }

  @Test
  void endsTheResponseAtASecondHeader() {
    assertThat(PromptTemplate.ALPACA.response("### Response:\n5\n\n### Response:\n6"))
        .isEqualTo("5");
  }

  @Test
  void rejectsATextWithoutAResponse() {
    assertThatThrownBy(() -> PromptTemplate.ALPACA.response("5"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the text has no \"### Response:\"; expected the prompt and what follows it");
  }

  @Test
  void findsATemplateByItsName() {
    assertThat(Arrays.stream(PromptTemplate.values()).map(PromptTemplate::templateName))
        .containsExactly("alpaca", "llm-adapters-train", "llm-adapters-eval");
    assertThat(PromptTemplate.of("llm-adapters-eval")).isEqualTo(PromptTemplate.LLM_ADAPTERS_EVAL);
  }

  @Test
  void listsTheTemplatesWhenTheNameIsUnknown() {
    assertThatThrownBy(() -> PromptTemplate.of("vicuna"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "unknown prompt template \"vicuna\"; known: alpaca, llm-adapters-train,"
                + " llm-adapters-eval");
  }
}
