package org.llmadapters.eval.task;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Answers with names, as LLM-Adapters' commonsense sets list them:
 *
 * <pre>
 *   ... Answer1: a marsh Answer2: a tundra
 *
 *   Answer format: answer1/answer2
 * </pre>
 *
 * The names are those of the format; what each stands for comes after its capitalized name. Names
 * without such a text, as {@code true} and {@code false} of boolq, stand for themselves.
 */
final class NamedChoices implements ChoiceList {
  private static final Pattern FORMAT =
      Pattern.compile("Answer format: ([^\\s/]+(?:/[^\\s/]+)+)\\s*$");

  @Override
  public List<Listed> in(String instruction) {
    Matcher format = FORMAT.matcher(instruction);
    if (!format.find()) {
      return List.of();
    }
    String[] names = format.group(1).split("/", -1);
    // From the end: the question comes first and may have anything in it.
    int end = format.start();
    Deque<Listed> listed = new ArrayDeque<>();
    for (int i = names.length - 1; i >= 0; i--) {
      String heading =
          names[i].substring(0, 1).toUpperCase(Locale.ROOT) + names[i].substring(1) + ":";
      int start = instruction.lastIndexOf(heading, end - 1);
      if (start < 0) {
        return listed.isEmpty()
            ? Stream.of(names).map(name -> new Listed(name, name)).toList()
            : List.of();
      }
      listed.addFirst(
          new Listed(names[i], instruction.substring(start + heading.length(), end).strip()));
      end = start;
    }
    return List.copyOf(listed);
  }

  @Override
  public String expected() {
    return "\"Answer format: NAME/NAME...\" at its end";
  }

  @Override
  public String response(String answer) {
    return "the correct answer is " + answer;
  }
}
