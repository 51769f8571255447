package org.llmadapters.eval.prompt;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.conversion.files.JsonFields;
import org.llmadapters.graph.FormatException;

/**
 * A prompt made of an instruction and perhaps an input, as in the {@code templates} folder of
 * alpaca-lora: texts in which <code>{instruction}</code> and <code>{input}</code> are replaced and
 * doubled braces stand for single ones.
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
 * The two other built-in ones have what the published LLM-Adapters checkpoints were trained and
 * evaluated with, space by space. They differ from it, and from each other, in white space only:
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
 *
 * @param templateName as on the command line: {@code llm-adapters-train}, or the path of a file
 * @param promptInput {@code prompt_input}: the prompt with an input
 * @param promptNoInput {@code prompt_no_input}: the prompt without
 * @param responseSplit {@code response_split}: what the response comes after
 */
public record PromptTemplate(
    String templateName, String promptInput, String promptNoInput, String responseSplit) {

  private static final Pattern BRACES = Pattern.compile("\\{\\{|}}|\\{([a-z]*)}|[{}]");

  public static final PromptTemplate ALPACA = builtIn("alpaca", 0, 0, 0, 0);
  public static final PromptTemplate LLM_ADAPTERS_TRAIN =
      builtIn("llm-adapters-train", 2, 1, 16, 16);
  public static final PromptTemplate LLM_ADAPTERS_EVAL = builtIn("llm-adapters-eval", 1, 0, 16, 0);

  /** The templates that have a name. */
  public static final List<PromptTemplate> BUILT_IN =
      List.of(ALPACA, LLM_ADAPTERS_TRAIN, LLM_ADAPTERS_EVAL);

  public PromptTemplate {
    requireSlots("prompt_input", promptInput, List.of("instruction", "input"));
    requireSlots("prompt_no_input", promptNoInput, List.of("instruction"));
    if (responseSplit.isEmpty()) {
      throw new IllegalArgumentException("response_split must not be empty");
    }
    for (String text : List.of(promptInput, promptNoInput)) {
      if (!filled(text, Map.of("instruction", "", "input", "")).contains(responseSplit)) {
        throw new IllegalArgumentException(
            "both prompts must have the response_split \"" + responseSplit + "\" in them");
      }
    }
  }

  private static PromptTemplate builtIn(
      String templateName,
      int headerSpaces,
      int headerWithInputSpaces,
      int indentSpaces,
      int blankLineSpaces) {
    String indent = " ".repeat(indentSpaces);
    String blankLine = " ".repeat(blankLineSpaces) + "\n";
    String responseHeader = "### Response:";
    String instruction = indent + "### Instruction:\n" + indent + "{instruction}\n" + blankLine;
    String input = indent + "### Input:\n" + indent + "{input}\n" + blankLine;
    String response = indent + responseHeader + "\n" + indent;
    return new PromptTemplate(
        templateName,
        "Below is an instruction that describes a task, paired with an input that provides further"
            + " context. Write a response that appropriately completes the request."
            + " ".repeat(headerWithInputSpaces)
            + "\n\n"
            + instruction
            + input
            + response,
        "Below is an instruction that describes a task. "
            + "Write a response that appropriately completes the request."
            + " ".repeat(headerSpaces)
            + "\n\n"
            + instruction
            + response,
        responseHeader);
  }

  /**
   * The built-in template called {@code nameOrFile}, or the one in that JSON file: {@code
   * prompt_input}, {@code prompt_no_input} and {@code response_split}; other keys have no effect.
   *
   * @throws IllegalArgumentException if it is neither, naming those there are
   * @throws FormatException if the file is malformed
   */
  public static PromptTemplate of(String nameOrFile) throws IOException {
    for (PromptTemplate template : BUILT_IN) {
      if (template.templateName.equals(nameOrFile)) {
        return template;
      }
    }
    Path file = Path.of(nameOrFile);
    if (Files.exists(file)) {
      return read(file);
    }
    throw new IllegalArgumentException(
        "unknown prompt template \""
            + nameOrFile
            + "\"; known: "
            + BUILT_IN.stream().map(PromptTemplate::templateName).collect(Collectors.joining(", "))
            + ", or a JSON file with prompt_input, prompt_no_input and response_split");
  }

  private static PromptTemplate read(Path file) throws IOException {
    JsonFields fields = JsonFields.of(file, Json.readObject(file));
    String promptInput = fields.requireString("prompt_input");
    String promptNoInput = fields.requireString("prompt_no_input");
    String responseSplit = fields.requireString("response_split");
    return fields.build(
        () -> new PromptTemplate(file.toString(), promptInput, promptNoInput, responseSplit));
  }

  private static void requireSlots(String name, String text, List<String> slots) {
    Matcher braces = BRACES.matcher(text);
    List<String> missing = new ArrayList<>(slots);
    while (braces.find()) {
      String slot = braces.group(1);
      if (braces.group().length() == 1 || (slot != null && !slots.contains(slot))) {
        throw new IllegalArgumentException(
            String.format(
                "%s has %s at character %d, expected %s, or a brace written twice",
                name,
                braces.group(),
                braces.start() + 1,
                slots.stream().map(known -> "{" + known + "}").collect(Collectors.joining(", "))));
      }
      if (slot != null) {
        missing.remove(slot);
      }
    }
    if (!missing.isEmpty()) {
      throw new IllegalArgumentException(name + " has no {" + missing.get(0) + "}");
    }
  }

  private static String filled(String text, Map<String, String> values) {
    return BRACES
        .matcher(text)
        .replaceAll(
            braces ->
                Matcher.quoteReplacement(
                    braces.group(1) == null
                        ? braces.group().substring(1)
                        : values.getOrDefault(braces.group(1), "")));
  }

  /**
   * Everything before the response: with a built-in template up to the line {@code ### Response:},
   * its line break and, where the template indents, the spaces the response comes after.
   *
   * @param input left out with its heading if empty
   */
  public String prompt(String instruction, String input) {
    return filled(
        input.isEmpty() ? promptNoInput : promptInput,
        Map.of("instruction", instruction, "input", input));
  }

  /** What is trained on: {@link #prompt} and right after it {@code output}. */
  public String full(String instruction, String input, String output) {
    return prompt(instruction, input) + output;
  }

  /**
   * The response in the decoded text of prompt and generated tokens: what comes after the first
   * {@link #responseSplit}, up to a second one if the model wrote it, without white space around.
   *
   * @throws IllegalArgumentException if {@code decoded} has none
   */
  public String response(String decoded) {
    int header = decoded.indexOf(responseSplit);
    if (header < 0) {
      throw new IllegalArgumentException(
          "the text has no \"" + responseSplit + "\"; expected the prompt and what follows it");
    }
    int start = header + responseSplit.length();
    int second = decoded.indexOf(responseSplit, start);
    return decoded.substring(start, second < 0 ? decoded.length() : second).strip();
  }
}
