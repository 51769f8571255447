package org.llmadapters.training.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

final class DataFlagsTest {
  @TempDir Path folder;

  private static CommandLine parse(String template, String chatTemplate) {
    CommandLine command = new CommandLine(new DataFlags());
    command.parseArgs(
        "--data", "data.json", "--template", template, "--chat-template", chatTemplate);
    return command;
  }

  private static Object value(CommandLine command, String option) {
    return command.getCommandSpec().findOption(option).getValue();
  }

  /** A run's options are gone on with from any directory. */
  @Test
  void filesOfTemplatesAreNamedAbsolutely() throws IOException {
    Path here = Path.of("").toAbsolutePath();
    Path template = Files.writeString(folder.resolve("t.json"), "{}");
    String relative = here.relativize(template.toAbsolutePath()).toString();
    CommandLine command = parse(relative, relative);
    String absolute = template.toAbsolutePath().normalize().toString();
    assertThat(value(command, "--template")).isEqualTo(absolute);
    assertThat(value(command, "--chat-template")).isEqualTo(absolute);
  }

  @Test
  void namesOfTemplatesStayNames() {
    CommandLine command = parse("llm-adapters-eval", "chatml");
    assertThat(value(command, "--template")).isEqualTo("llm-adapters-eval");
    assertThat(value(command, "--chat-template")).isEqualTo("chatml");
    assertThat(value(parse("no-such-file", "chatml"), "--template")).isEqualTo("no-such-file");
  }
}
