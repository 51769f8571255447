package org.llmadapters.eval.prompt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.llmadapters.graph.FormatException;

final class PromptTemplateTest {

  @TempDir private Path folder;

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
  @FieldSource("org.llmadapters.eval.prompt.PromptTemplate#BUILT_IN")
  void putsTheOutputRightAfterThePrompt(PromptTemplate template) {
    assertThat(template.full("Add.", "2, 3", " The sum\nis 5. "))
        .isEqualTo(template.prompt("Add.", "2, 3") + " The sum\nis 5. ");
  }

  @ParameterizedTest
  @FieldSource("org.llmadapters.eval.prompt.PromptTemplate#BUILT_IN")
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
  void findsATemplateByItsName() throws IOException {
    assertThat(PromptTemplate.BUILT_IN.stream().map(PromptTemplate::templateName))
        .containsExactly("alpaca", "llm-adapters-train", "llm-adapters-eval");
    assertThat(PromptTemplate.of("llm-adapters-eval")).isEqualTo(PromptTemplate.LLM_ADAPTERS_EVAL);
  }

  @Test
  void listsTheTemplatesWhenTheNameIsUnknown() {
    assertThatThrownBy(() -> PromptTemplate.of("vicuna"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "unknown prompt template \"vicuna\"; known: alpaca, llm-adapters-train,"
                + " llm-adapters-eval, or a JSON file with prompt_input, prompt_no_input and"
                + " response_split");
  }

  @Test
  void readsATemplateFromAFile() throws IOException {
    Path file =
        write(
            """
            {"description": "Short.",
             "prompt_input": "{{Q}} {instruction} ({input})\\nA:",
             "prompt_no_input": "{{Q}} {instruction}\\nA:",
             "response_split": "A:"}
            """);

    PromptTemplate template = PromptTemplate.of(file.toString());

    assertThat(template.prompt("Add {input} $1.", "2, {instruction}"))
        .isEqualTo("{Q} Add {input} $1. (2, {instruction})\nA:");
    assertThat(template.full("Add.", "", " 5")).isEqualTo("{Q} Add.\nA: 5");
    assertThat(template.response("{Q} Add.\nA: 5\nA: 6")).isEqualTo("5");
    assertThat(template.templateName()).isEqualTo(file.toString());
  }

  @Test
  void rejectsAFileWithoutPrompts() throws IOException {
    Path file = write("{\"prompt_input\": 5, \"response_split\": \"A:\"}");

    assertThatThrownBy(() -> PromptTemplate.of(file.toString()))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            file
                + ": 2 values cannot be used\n"
                + "  prompt_input must be a string, got 5\n"
                + "  prompt_no_input is missing");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {instruction} A:            | prompt_input has no {input}
          {input} A:                  | prompt_input has no {instruction}
          {instruction} {output}      | prompt_input has {output} at character 15, expected {instruction}, {input}, or a brace written twice
          {instruction} {input} } A:  | prompt_input has } at character 23, expected {instruction}, {input}, or a brace written twice
          {instruction} {input}       | both prompts must have the response_split "A:" in them
          """)
  void rejectsAPromptThatCannotBeFilled(String promptInput, String problem) throws IOException {
    Path file =
        write(
            "{\"prompt_input\": \""
                + promptInput
                + "\", \"prompt_no_input\": \"{instruction} A:\", \"response_split\": \"A:\"}");

    assertThatThrownBy(() -> PromptTemplate.of(file.toString()))
        .isInstanceOf(FormatException.class)
        .hasMessage(file + ": 1 value cannot be used\n  " + problem);
  }

  private Path write(String text) throws IOException {
    return Files.writeString(folder.resolve("template.json"), text);
  }
}
