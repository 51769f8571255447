package org.llmadapters.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.files.Json;
import org.llmadapters.graph.FormatException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

final class RunFileTest {
  @TempDir Path folder;

  /** Options of all types that train has. */
  @Command
  private static final class Options {
    @Option(names = "--data")
    private @Nullable Path data;

    @Option(names = "--target-modules")
    private @Nullable String targetModules;

    @Option(names = "--batch-size", defaultValue = "16")
    private int batchSize;

    @Option(names = "--resume")
    @SuppressWarnings("UnusedVariable") // it is there to be left out
    private boolean resume;

    @Option(names = "--use-dora")
    private boolean useDora;
  }

  private Options parse(String yaml, String... flags) throws IOException {
    Path file = Files.writeString(folder.resolve("options.yaml"), yaml);
    Options options = new Options();
    CommandLine command = new CommandLine(options);
    Map<String, String> values = RunFile.read(file, command.getCommandSpec());
    command.setDefaultValueProvider(
        argument -> argument instanceof OptionSpec option ? values.get(RunFile.key(option)) : null);
    command.parseArgs(flags);
    return options;
  }

  @Test
  void namesFilesSoThatAnotherWorkingDirectoryFindsThem() throws IOException {
    CommandLine command = new CommandLine(new Options());
    command.parseArgs("--data", "sub/../data.json", "--resume");
    RunFile.of(command.getCommandSpec()).write(folder);
    assertThat(Json.read(folder.resolve("run.json")))
        .isEqualTo(
            Json.object()
                .put("data", Path.of("data.json").toAbsolutePath().toString())
                .put("batch-size", "16")
                .put("use-dora", "false"));
  }

  @Test
  void readsValuesListsAndMaps() throws IOException {
    Options options =
        parse(
            """
            data: some.json
            target_modules: [q_proj, v_proj]
            batch-size: 8
            use-dora: true
            """);
    assertThat(options.data).isEqualTo(Path.of("some.json"));
    assertThat(options.targetModules).isEqualTo("q_proj,v_proj");
    assertThat(options.batchSize).isEqualTo(8);
    assertThat(options.useDora).isTrue();
    assertThat(parse("target-modules: {q_proj: 2, down_proj: 4}\n").targetModules)
        .isEqualTo("q_proj=2,down_proj=4");
  }

  @Test
  void flagsWin() throws IOException {
    assertThat(parse("batch-size: 8\n", "--batch-size", "4").batchSize).isEqualTo(4);
  }

  @Test
  void listsAllThatIsWrong() {
    assertThatThrownBy(
            () ->
                parse(
                    """
                    batch_sise: 8
                    data:
                    target-modules: [[q_proj]]
                    nonsense: 1
                    """))
        .isInstanceOf(FormatException.class)
        .hasMessage(
            folder.resolve("options.yaml")
                + ": unknown option \"batch_sise\"; did you mean \"batch-size\"?; data: expected a"
                + " value, a list of values or a map of values, got null; target-modules: expected"
                + " a value, a list of values or a map of values, got [\"q_proj\"]; unknown option"
                + " \"nonsense\"");
  }

  @Test
  void refusesAKeyThatIsThereTwice() {
    for (String yaml :
        List.of("batch-size: 8\nbatch-size: 4\n", "batch-size: 8\nbatch_size: 4\n")) {
      assertThatThrownBy(() -> parse(yaml))
          .as(yaml)
          .isInstanceOf(FormatException.class)
          .hasMessageContaining("batch")
          .hasMessageContaining("uplicate");
    }
  }
}
