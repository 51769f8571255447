package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.stream.Stream;
import org.llmadapters.training.cli.Main;

/**
 * What a command line did.
 *
 * @param code exit code
 * @param out standard output
 * @param err standard error
 */
record CommandRun(int code, String out, String err) {
  /** Runs {@code llm-adapters} with {@code arguments}. */
  static CommandRun of(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code =
        Main.run(
            Stream.of(arguments).map(Object::toString).toArray(String[]::new),
            new PrintWriter(out, true),
            new PrintWriter(err, true));
    return new CommandRun(code, out.toString(), err.toString());
  }

  /** Runs a command that has to succeed; gives its standard output. */
  static String succeed(Object... arguments) {
    CommandRun run = of(arguments);
    assertThat(run.code()).as(run.err()).isZero();
    return run.out();
  }
}
