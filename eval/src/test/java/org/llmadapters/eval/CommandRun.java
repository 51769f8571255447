package org.llmadapters.eval;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.stream.Stream;
import picocli.CommandLine;

/** Runs commands. */
final class CommandRun {
  private CommandRun() {}

  /** The exit code of {@code command}, 1 after an exception, whose message goes to {@code err}. */
  static int of(Object command, StringWriter out, StringWriter err, Object... arguments) {
    return new CommandLine(command)
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .setExecutionExceptionHandler(
            (e, commandLine, parsed) -> {
              commandLine.getErr().println(e.getMessage());
              return 1;
            })
        .execute(Stream.of(arguments).map(Object::toString).toArray(String[]::new));
  }
}
