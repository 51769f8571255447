package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.training.cli.Main;
import picocli.CommandLine;

/** Every example that help and README give is a command line that the program accepts. */
final class HelpTest {
  private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|(\\S+)");

  static Stream<String> commands() {
    return new CommandLine(new Main()).getSubcommands().keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("commands")
  void helpEndsWithTwoExamplesThatParse(String command) {
    String help = CommandRun.succeed(command, "--help");
    assertThat(help).contains("\nExamples:\n");
    String[] examples = help.substring(help.indexOf("\nExamples:\n")).strip().split("\n", -1);
    assertThat(examples).hasSize(3);
    for (int i = 1; i < examples.length; i++) {
      assertThat(examples[i]).startsWith("  llm-adapters " + command);
      parse(examples[i].strip());
    }
  }

  @Test
  void commandLinesInTheReadmeParse() throws IOException {
    String readme = Files.readString(Path.of("../README.md")).replaceAll("\\\\\n\\s*", "");
    List<String> lines =
        readme
            .lines()
            .map(String::strip)
            .filter(line -> line.startsWith("./llm-adapters "))
            .toList();
    assertThat(lines).hasSizeGreaterThan(10);
    lines.forEach(HelpTest::parse);
  }

  private static void parse(String line) {
    List<String> words = new ArrayList<>();
    Matcher matcher = WORD.matcher(line.replaceFirst(" # .*", ""));
    while (matcher.find()) {
      words.add(matcher.group(1) == null ? matcher.group(2) : matcher.group(1));
    }
    String[] arguments = words.subList(1, words.size()).toArray(String[]::new);
    CommandLine.ParseResult parsed = new CommandLine(new Main()).parseArgs(arguments);
    assertThat(parsed.subcommand()).as(line).isNotNull();
  }
}
