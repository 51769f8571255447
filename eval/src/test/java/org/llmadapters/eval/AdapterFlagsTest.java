package org.llmadapters.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

final class AdapterFlagsTest {

  @Command
  private static final class Flags {
    @Mixin private AdapterFlags adapters = new AdapterFlags();
  }

  private static List<AdapterStack> stacks(String... arguments) {
    Flags flags = new Flags();
    new CommandLine(flags).parseArgs(arguments);
    return flags.adapters.stacks();
  }

  private static AdapterStack stack(String name, String... directories) {
    return new AdapterStack(name, Stream.of(directories).map(Path::of).toList());
  }

  @Test
  void theBareModelIsTheDefault() {
    assertThat(stacks()).containsExactly(AdapterStack.BASE);
  }

  @Test
  void anAdapterIsCalledAsItsDirectoryUnlessNamed() {
    assertThat(
            stacks(
                "--adapter", "runs/lora/",
                "--adapter", "base",
                "--adapter", "small=runs/r=4",
                "--adapter", "runs/r=8/x"))
        .containsExactly(
            stack("lora", "runs/lora"),
            AdapterStack.BASE,
            stack("small", "runs/r=4"),
            stack("x", "runs/r=8/x"));
  }

  @Test
  void aStackTakesNamesAndDirectories() {
    assertThat(
            stacks(
                "--adapter", "a=one",
                "--stack", "a,runs/two",
                "--stack", "both=runs/two,a"))
        .containsExactly(
            stack("a", "one"), stack("a+two", "one", "runs/two"), stack("both", "runs/two", "one"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "--adapter x/run --adapter y/run | two adapters are called run; name them: --adapter"
            + " NAME=DIR",
        "--adapter base --adapter base | two adapters are called base; name them: --adapter"
            + " NAME=DIR",
        "--adapter base=run | --adapter base=run: base is the model without an adapter; give the"
            + " adapter another name: --adapter NAME=DIR",
        "--adapter runs/r=8 | an adapter's name has letters, digits, _ - . + and starts with none of"
            + " the last three, got \"r=8\"; name the adapter: NAME=DIR",
        "--adapter / | an adapter's name has letters, digits, _ - . + and starts with none of the"
            + " last three, got \"\"; name the adapter: NAME=DIR",
        "--stack run | --stack run: expected two or more adapters: --stack A,B",
        "--stack a,a | a+a: an adapter is on the base twice, got [a, a]; name each once",
      })
  void saysWhatIsWrong(String flags, String problem) {
    assertThatThrownBy(() -> stacks(flags.split(" ", -1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(problem);
  }
}
