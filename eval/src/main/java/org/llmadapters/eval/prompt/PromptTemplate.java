package org.llmadapters.eval.prompt;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * A named prompt: {@code header, blank line, ### Instruction: ..., [### Input: ...,] ###
 * Response:}.
 *
 * <p>{@code alpaca} without an input, where the response starts right after the last line break:
 *
 * <pre>
 *   Below is an instruction that describes a task. Write a response that appropriately completes the request.
 *
 *   ### Instruction:
 *   {instruction}
 *
 *   ### Response:
 *   {output}
 * </pre>
 *
 * The two others have what the published LLM-Adapters checkpoints were trained and evaluated with,
 * space by space. They differ from it, and from each other, in white space only:
 *
 * <table>
 *   <caption>White space of the templates</caption>
 *   <tr><th></th><th>alpaca</th><th>llm-adapters-train</th><th>llm-adapters-eval</th></tr>
 *   <tr><td>spaces ending the header, no input</td><td>0</td><td>2</td><td>1</td></tr>
 *   <tr><td>spaces ending the header, with input</td><td>0</td><td>1</td><td>0</td></tr>
 *   <tr><td>spaces before every later line of text</td><td>0</td><td>16</td><td>16</td></tr>
 *   <tr><td>spaces on the blank lines between parts</td><td>0</td><td>16</td><td>0</td></tr>
 * </table>
 *
 * So a response starts after 16 spaces in both; lines inside an instruction, an input or an output
 * are not indented. Source: AGI-Edgerunners/LLM-Adapters, {@code generate_prompt} in {@code
 * finetune.py}, {@code evaluate.py} and {@code generate.py}.
 */
public enum PromptTemplate {
  ALPACA("alpaca", 0, 0, 0, 0),
  LLM_ADAPTERS_TRAIN("llm-adapters-train", 2, 1, 16, 16),
  LLM_ADAPTERS_EVAL("llm-adapters-eval", 1, 0, 16, 0);

  private static final String RESPONSE_HEADER = "### Response:";
  private static final String HEADER =
      "Below is an instruction that describes a task. "
          + "Write a response that appropriately completes the request.";
  private static final String HEADER_WITH_INPUT =
      "Below is an instruction that describes a task, paired with an input that provides further"
          + " context. Write a response that appropriately completes the request.";

  private final String templateName;
  private final String header;
  private final String headerWithInput;
  private final String indent;
  private final String blankLine;

  PromptTemplate(
      String templateName,
      int headerSpaces,
      int headerWithInputSpaces,
      int indentSpaces,
      int blankLineSpaces) {
    this.templateName = templateName;
    this.header = HEADER + " ".repeat(headerSpaces) + "\n\n";
    this.headerWithInput = HEADER_WITH_INPUT + " ".repeat(headerWithInputSpaces) + "\n\n";
    this.indent = " ".repeat(indentSpaces);
    this.blankLine = " ".repeat(blankLineSpaces) + "\n";
  }

  /** As on the command line: {@code llm-adapters-train}. */
  public String templateName() {
    return templateName;
  }

  /**
   * The template called {@code templateName}.
   *
   * @throws IllegalArgumentException if there is none, naming all
   */
  public static PromptTemplate of(String templateName) {
    return Arrays.stream(values())
        .filter(template -> template.templateName.equals(templateName))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "unknown prompt template \"" + templateName + "\"; known: " + names()));
  }

  /**
   * Everything before the response: the line {@code ### Response:}, its line break and, where the
   * template indents, the spaces the response comes after.
   *
   * @param input left out with its heading if empty
   */
  public String prompt(String instruction, String input) {
    String inputPart = input.isEmpty() ? "" : part("### Input:", input);
    return (input.isEmpty() ? header : headerWithInput)
        + part("### Instruction:", instruction)
        + inputPart
        + indent
        + RESPONSE_HEADER
        + "\n"
        + indent;
  }

  /** What is trained on: {@link #prompt} and right after it {@code output}. */
  public String full(String instruction, String input, String output) {
    return prompt(instruction, input) + output;
  }

  /**
   * The response in the decoded text of prompt and generated tokens: what comes after the first
   * {@code ### Response:}, up to a second one if the model wrote it, without white space around.
   *
   * @throws IllegalArgumentException if {@code decoded} has no {@code ### Response:}
   */
  public String response(String decoded) {
    int header = decoded.indexOf(RESPONSE_HEADER);
    if (header < 0) {
      throw new IllegalArgumentException(
          "the text has no \"" + RESPONSE_HEADER + "\"; expected the prompt and what follows it");
    }
    int start = header + RESPONSE_HEADER.length();
    int second = decoded.indexOf(RESPONSE_HEADER, start);
    return decoded.substring(start, second < 0 ? decoded.length() : second).strip();
  }

  private String part(String heading, String text) {
    return indent + heading + "\n" + indent + text + "\n" + blankLine;
  }

  private static String names() {
    return Arrays.stream(values())
        .map(PromptTemplate::templateName)
        .collect(Collectors.joining(", "));
  }
}
