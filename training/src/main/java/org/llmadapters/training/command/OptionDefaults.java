package org.llmadapters.training.command;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.training.RunFile;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The values that {@code --config} and {@code --recipe} give to options which a command line leaves
 * open: flags win over the file, the file over the recipe, and the recipe over the defaults.
 */
public final class OptionDefaults {
  private static final String CONFIG = "--config";
  private static final String RECIPE = "--recipe";
  private static final String LIST = "list";

  private OptionDefaults() {}

  /** Whether {@code arguments} ask for the list of recipes, which is {@link #recipes()}. */
  public static boolean listRecipes(String[] arguments) {
    return arguments.length > 1
        && arguments[0].equals("train")
        && value(arguments, RECIPE).filter(LIST::equals).isPresent();
  }

  /** All recipes for people to read. */
  public static String recipes() {
    return Recipe.table();
  }

  /**
   * Lets {@code command} take its defaults from what {@code arguments} name. They have to be known
   * before the rest is parsed.
   *
   * @throws FormatException for a file that is not as it should be
   * @throws IllegalArgumentException for a recipe that does not exist or does not fit the rest
   */
  public static void use(String[] arguments, CommandLine command) throws IOException {
    Map<String, String> defaults = new HashMap<>();
    if (command.getCommandSpec().findOption(CONFIG) != null) {
      Optional<String> config = value(arguments, CONFIG);
      if (config.isPresent()) {
        defaults.putAll(RunFile.read(Path.of(config.get()), command.getCommandSpec()));
      }
    }
    if (command.getCommandSpec().findOption(RECIPE) != null) {
      Map<String, String> given = new HashMap<>(defaults);
      for (String option : new String[] {"recipe", "model", "adapter", "target-modules"}) {
        value(arguments, "--" + option).ifPresent(value -> given.put(option, value));
      }
      if (given.containsKey("recipe")) {
        recipe(given).forEach(defaults::putIfAbsent);
      }
    }
    if (!defaults.isEmpty()) {
      letFlagsTurnOn(command.getCommandSpec());
      command.setDefaultValueProvider(
          argument ->
              argument instanceof OptionSpec option ? defaults.get(RunFile.key(option)) : null);
    }
  }

  /** By itself picocli gives a flag the opposite of its default, which may be true now. */
  private static void letFlagsTurnOn(CommandSpec command) {
    for (OptionSpec option : List.copyOf(command.options())) {
      boolean plain = option.arity().max() == 0 && option.fallbackValue().isEmpty();
      if (plain && option.type() == boolean.class) {
        command.remove(option).addOption(option.toBuilder().fallbackValue("true").build());
      }
    }
  }

  private static Map<String, String> recipe(Map<String, String> given) throws IOException {
    Recipe recipe = Recipe.of(given.getOrDefault("recipe", ""));
    String adapter = given.getOrDefault("adapter", recipe.adapter());
    if (!adapter.equals(recipe.adapter())) {
      throw new IllegalArgumentException(
          String.format(
              "--recipe %s is for --adapter %s, got --adapter %s; leave one of them out",
              recipe.name(), recipe.adapter(), adapter));
    }
    if (!given.containsKey("model")) {
      return recipe.options(); // that it is missing is reported with all else that is
    }
    Architecture family = BaseModel.architecture(Path.of(given.getOrDefault("model", "")));
    Optional<Map<String, String>> options = recipe.optionsFor(family);
    if (options.isEmpty() && !given.containsKey("target-modules")) {
      throw new IllegalArgumentException(
          String.format(
              "--recipe %s: LLM-Adapters published nothing for %s, only for %s; name the modules"
                  + " with --target-modules",
              recipe.name(), family.modelType(), recipe.familyNames()));
    }
    return options.orElse(recipe.options());
  }

  /** The value of {@code option}, given as {@code --option value} or {@code --option=value}. */
  private static Optional<String> value(String[] arguments, String option) {
    for (int i = 1; i < arguments.length; i++) {
      if (arguments[i].startsWith(option + "=")) {
        return Optional.of(arguments[i].substring(option.length() + 1));
      }
      if (arguments[i - 1].equals(option)) {
        return Optional.of(arguments[i]);
      }
    }
    return Optional.empty();
  }
}
