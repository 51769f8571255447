package org.llmadapters.training.command;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.llmadapters.adapters.AdapterKind;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** Options that only some kinds of adapters have; a mixin of the command. */
interface KindFlags {

  /** Whether {@code option}, one of these such as {@code --r}, is for adapters of {@code kind}. */
  boolean isFor(AdapterKind kind, String option);

  /**
   * Checks that all options on a command line are for the kind that is trained. Values from a file
   * are not looked at: {@code run.json} has those of all kinds.
   *
   * @param kind that is trained; empty for all weights
   * @throws IllegalArgumentException that lists all options of other kinds, and whose they are
   */
  static void check(CommandSpec command, Optional<AdapterKind> kind) {
    ParseResult given = command.commandLine().getParseResult();
    List<String> problems = new ArrayList<>();
    for (CommandSpec mixin : command.mixins().values()) {
      if (mixin.userObject() instanceof KindFlags flags) {
        for (OptionSpec option : mixin.options()) {
          String name = option.longestName();
          if (given.hasMatchedOption(name)
              && kind.filter(chosen -> flags.isFor(chosen, name)).isEmpty()) {
            problems.add(name + " is an option of " + kinds(flags, name));
          }
        }
      }
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(
          String.join(", ", problems)
              + ", got --adapter "
              + kind.map(AdapterKind::cliName).orElse(TrainCommand.FULL));
    }
  }

  private static String kinds(KindFlags flags, String option) {
    return Arrays.stream(AdapterKind.values())
        .filter(kind -> flags.isFor(kind, option))
        .map(kind -> "--adapter " + kind.cliName())
        .collect(Collectors.joining(" or "));
  }
}
