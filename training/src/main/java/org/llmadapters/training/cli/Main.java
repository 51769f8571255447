package org.llmadapters.training.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.conversion.ConvertCommand;
import org.llmadapters.conversion.InspectCommand;
import org.llmadapters.conversion.MergeCommand;
import org.llmadapters.conversion.combine.CombineCommand;
import org.llmadapters.conversion.export.ExportCommand;
import org.llmadapters.eval.CompareCommand;
import org.llmadapters.eval.EvaluateCommand;
import org.llmadapters.eval.GenerateCommand;
import org.llmadapters.eval.PerplexityCommand;
import org.llmadapters.eval.ScoreCommand;
import org.llmadapters.graph.FormatException;
import org.llmadapters.training.bench.BenchCommand;
import org.llmadapters.training.command.OptionDefaults;
import org.llmadapters.training.command.TrainCommand;
import org.llmadapters.training.devices.DevicesCommand;
import org.llmadapters.training.quickstart.QuickstartCommand;
import org.llmadapters.training.report.ReportCommand;
import org.llmadapters.training.sample.SampleCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/**
 * {@code llm-adapters}: parses the command line and turns exceptions into one paragraph on stderr.
 * Exit code 0 for done, 1 for failed, 2 for wrong usage.
 */
@Command(
    name = "llm-adapters",
    description = "Adapter fine-tuning of large language models on the JVM.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      QuickstartCommand.class,
      ConvertCommand.class,
      InspectCommand.class,
      TrainCommand.class,
      ReportCommand.class,
      GenerateCommand.class,
      EvaluateCommand.class,
      ScoreCommand.class,
      CompareCommand.class,
      PerplexityCommand.class,
      ExportCommand.class,
      MergeCommand.class,
      CombineCommand.class,
      BenchCommand.class,
      DevicesCommand.class,
      SampleCommand.class
    })
public final class Main implements Callable<Integer> {
  private static final int FAILED = 1;
  private static final int WRONG_USAGE = 2;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "Show stack traces of errors.")
  private boolean verbose;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help.")
  @SuppressWarnings("UnusedVariable") // picocli acts on it
  private boolean help;

  @Spec private @Nullable CommandSpec spec;

  /** Runs one command and ends the process. */
  public static void main(String[] arguments) {
    System.setProperty("java.awt.headless", "true"); // pictures are drawn to files alone
    useOwnStandardError();
    System.exit(
        run(
            arguments,
            new PrintWriter(System.out, true, UTF_8),
            new PrintWriter(System.err, true, UTF_8)));
  }

  /**
   * The launcher filters what TensorFlow prints to stderr, and names a way around the filter for
   * us.
   */
  private static void useOwnStandardError() {
    String path = System.getenv("LLM_ADAPTERS_STDERR");
    if (path == null) {
      return;
    }
    try {
      System.setErr(new PrintStream(new FileOutputStream(path, true), true, UTF_8));
    } catch (IOException e) {
      System.err.println(
          "warning: cannot write to " + path + ", using standard error: " + e.getMessage());
    }
  }

  /** Runs one command; results go to {@code out}, all else to {@code err}. Gives the exit code. */
  public static int run(String[] arguments, PrintWriter out, PrintWriter err) {
    Main main = new Main();
    CommandLine commandLine = new CommandLine(main);
    commandLine.setOut(out);
    commandLine.setErr(err);
    commandLine.setUsageHelpAutoWidth(true);
    commandLine.getSubcommands().values().forEach(Main::keepExamplesWhole);
    commandLine.setParameterExceptionHandler(Main::explainUsage);
    commandLine.setExecutionExceptionHandler(
        (exception, command, parsed) -> main.explain(exception, command));
    if (OptionDefaults.listRecipes(arguments)) {
      out.print(OptionDefaults.recipes());
      out.flush();
      return 0;
    }
    try {
      useDefaults(arguments, commandLine);
    } catch (IOException | FormatException | IllegalArgumentException e) {
      return main.explain(e, commandLine);
    }
    return commandLine.execute(arguments);
  }

  @Override
  public Integer call() {
    throw new ParameterException(
        java.util.Objects.requireNonNull(spec).commandLine(), "name a command");
  }

  private static void useDefaults(String[] arguments, CommandLine commandLine) throws IOException {
    CommandLine command =
        arguments.length == 0 ? null : commandLine.getSubcommands().get(arguments[0]);
    if (command != null) {
      OptionDefaults.use(arguments, command);
    }
  }

  /** A wrapped command line could not be copied. */
  private static void keepExamplesWhole(CommandLine command) {
    command
        .getHelpSectionMap()
        .put(
            UsageMessageSpec.SECTION_KEY_FOOTER,
            help -> String.join("\n", help.commandSpec().usageMessage().footer()) + "\n");
  }

  private static int explainUsage(ParameterException thrown, String[] arguments) {
    CommandLine command = thrown.getCommandLine();
    PrintWriter err = command.getErr();
    List<String> unmatched = command.getUnmatchedArguments();
    // A required option is often missing because it is misspelt.
    ParameterException exception =
        thrown instanceof CommandLine.MissingParameterException && !unmatched.isEmpty()
            ? new CommandLine.UnmatchedArgumentException(command, unmatched)
            : thrown;
    err.println("error: " + exception.getMessage());
    if (!CommandLine.UnmatchedArgumentException.printSuggestions(exception, err)) {
      err.println("see: " + command.getCommandSpec().qualifiedName() + " --help");
    }
    return WRONG_USAGE;
  }

  private int explain(Exception exception, CommandLine command) {
    command.getErr().println("error: " + message(exception));
    if (verbose) {
      exception.printStackTrace(command.getErr());
    }
    return exception instanceof IllegalArgumentException ? WRONG_USAGE : FAILED;
  }

  private static String message(Exception exception) {
    String message = exception.getMessage();
    if (exception instanceof FileSystemException file && file.getReason() == null) {
      // NoSuchFileException and its kin have only the file as their message.
      return message
          + ": "
          + exception
              .getClass()
              .getSimpleName()
              .replace("Exception", "")
              .replaceAll("(?<=[a-z])(?=[A-Z])", " ")
              .toLowerCase(java.util.Locale.ROOT);
    }
    return message == null
        ? exception.getClass().getSimpleName() + " (run again with --verbose)"
        : message;
  }
}
