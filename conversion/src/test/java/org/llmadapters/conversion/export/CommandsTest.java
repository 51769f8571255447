package org.llmadapters.conversion.export;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.conversion.ConvertCommand;
import org.llmadapters.conversion.Golden;
import org.llmadapters.conversion.InspectCommand;
import org.llmadapters.conversion.MergeCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** What the commands of this module take and print. */
final class CommandsTest {
  @TempDir Path directory;

  /** Stands for the launcher, which gives every command its help. */
  @Command(name = "llm-adapters")
  private static final class Program {
    @Option(
        names = {"-h", "--help"},
        usageHelp = true,
        scope = ScopeType.INHERIT)
    @SuppressWarnings("UnusedVariable") // picocli acts on it
    private boolean help;
  }

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(Callable<Integer> command, Object... arguments) {
    CommandLine program = new CommandLine(new Program());
    String name = new CommandLine(command).getCommandName();
    String[] line =
        Stream.concat(Stream.of(name), Stream.of(arguments).map(Object::toString))
            .toArray(String[]::new);
    return program
        .addSubcommand(command)
        .setOut(new PrintWriter(out))
        .setErr(new PrintWriter(err))
        .execute(line);
  }

  private Path convert() {
    Path base = directory.resolve("base");
    assertThat(
            run(new ConvertCommand(), "--checkpoint", Golden.path("llama/base"), "--output", base))
        .isZero();
    return base;
  }

  @Test
  void convertSaysWhatItWrote() throws Exception {
    Path checkpoint = Golden.checkpoint("llama/base", directory.resolve("checkpoint"), 2);
    Path base = directory.resolve("base");
    convert();
    assertThat(out.toString())
        .isEqualTo(
            """
            model       %s
            parameters  23776
            size        92.88 KiB, float32
            tokenizer   none: training and generation from text need one in the checkpoint
            """
                .formatted(base));
    Files.writeString(checkpoint.resolve("tokenizer.json"), "{}");
    out.getBuffer().setLength(0);
    assertThat(
            run(
                new ConvertCommand(),
                "--checkpoint",
                checkpoint,
                "--output",
                base,
                "--dtype",
                "bfloat16",
                "--overwrite"))
        .isZero();
    assertThat(out.toString())
        .isEqualTo(
            """
            model       %s
            parameters  23776
            size        46.44 KiB, bfloat16
            tokenizer   tokenizer.json
            """
                .formatted(base));
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void mergeSaysWhatItWrote() {
    Path merged = directory.resolve("merged");
    assertThat(
            run(
                new MergeCommand(),
                "--checkpoint",
                Golden.path("llama/base"),
                "--adapter",
                Golden.path("llama/adapters/lora"),
                "--output",
                merged,
                "--dtype",
                "float16"))
        .isZero();
    // All weights are rounded to float16, which has 11 bits: up to a few thousandths in the logits.
    assertThat(out.toString().replaceAll("at most [1-9]\\.[0-9]e-0[34] ", "at most ? "))
        .isEqualTo(
            """
            checkpoint  %s
            merged      4 of 21 tensors
            checked     logits differ by at most ? of the largest
            size        46.44 KiB
            """
                .formatted(merged));
  }

  @Test
  void exportSaysWhatItWrote() {
    Path base = convert();
    Path adapter = Golden.path("llama/adapters/lora");
    Path output = directory.resolve("models/tiny");
    out.getBuffer().setLength(0);
    assertThat(run(new ExportCommand(), "--model", base, "--output", output)).isZero();
    assertThat(out.toString())
        .isEqualTo(
            """
            directory   %s/1
            signatures  generate, serving_default
            variables   92.88 KiB
            adapter     none
            """
                .formatted(output));
    out.getBuffer().setLength(0);
    assertThat(
            run(
                new ExportCommand(),
                "--model",
                base,
                "--adapter",
                adapter,
                "--output",
                output,
                "--version",
                2))
        .isZero();
    assertThat(out.toString())
        .contains(output + "/2\n", "variables   96.88 KiB\n", "8 variables beside the weights\n");
    out.getBuffer().setLength(0);
    assertThat(
            run(
                new ExportCommand(),
                "--model",
                base,
                "--adapter",
                adapter,
                "--output",
                output,
                "--version",
                2,
                "--merge",
                "--overwrite"))
        .isZero();
    assertThat(out.toString())
        .contains(output + "/2\n", "variables   92.88 KiB\n", "merged into 4 weights\n");
  }

  @Test
  void anUnknownDtypeIsWrongUsage() {
    assertThat(run(new ConvertCommand(), "--checkpoint", "a", "--output", "b", "--dtype", "int7"))
        .isEqualTo(2);
    assertThat(err.toString())
        .startsWith(
            "Invalid value for option '--dtype': dtype must be one of float32, bfloat16, float16,"
                + " int8, nf4, got int7\n");
  }

  static Stream<Callable<Integer>> commands() {
    return Stream.of(
        new ConvertCommand(), new InspectCommand(), new MergeCommand(), new ExportCommand());
  }

  @ParameterizedTest
  @MethodSource("commands")
  void helpEndsWithTwoExamplesThatParse(Callable<Integer> command) {
    assertThat(run(command, "--help")).isZero();
    String name = new CommandLine(command).getCommandName();
    String help = out.toString();
    String[] examples = help.substring(help.indexOf("\nExamples:\n")).strip().split("\n", -1);
    assertThat(examples).hasSize(3);
    for (int i = 1; i < examples.length; i++) {
      String start = "  llm-adapters " + name + " ";
      assertThat(examples[i]).startsWith(start).hasSizeLessThanOrEqualTo(100);
      new CommandLine(command).parseArgs(examples[i].substring(start.length()).split(" ", -1));
    }
  }
}
