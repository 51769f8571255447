package org.llmadapters.conversion.combine;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** {@code combine}: several LoRAs to one. */
@Command(
    name = "combine",
    description = "Combine LoRA adapters with weights to one; writes a new adapter directory.",
    sortOptions = false,
    usageHelpWidth = 100,
    footer = {
      "",
      "Examples:",
      "  llm-adapters combine --adapter math=0.7 --adapter code=0.3 --output mixed",
      "  llm-adapters combine --adapter a=1 --adapter b=1 --combination-type ties --density 0.5 --output c"
    })
@SuppressWarnings("NullAway.Init") // picocli fills the fields
public final class CombineCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--adapter",
      required = true,
      paramLabel = "DIR=WEIGHT",
      converter = WeightedAdapterConverter.class,
      description = "LoRA adapter in PEFT's format and its weight; give it once for each.")
  private List<WeightedAdapter> adapters;

  @Option(
      names = "--combination-type",
      paramLabel = "TYPE",
      defaultValue = "svd",
      converter = CombinationTypeConverter.class,
      description =
          "svd, cat, linear, ties, dare_linear, dare_ties, magnitude_prune, or one of the last four"
              + " with _svd, which combines the products of B and A instead of each."
              + " Default: ${DEFAULT-VALUE}.")
  private CombinationType combinationType;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description = "Where the combined adapter goes.")
  private Path output;

  @Option(
      names = "--density",
      paramLabel = "FRACTION",
      description = "What ties, dare and magnitude_prune keep of the elements, in (0, 1].")
  private @Nullable Double density;

  @Option(
      names = "--majority-sign-method",
      paramLabel = "METHOD",
      defaultValue = "total",
      converter = MajoritySignConverter.class,
      description = "How ties elects signs: total or frequency. Default: ${DEFAULT-VALUE}.")
  private MajoritySign majoritySign;

  @Option(
      names = "--svd-rank",
      paramLabel = "R",
      description = "Rank that the svd types cut off at. Default: the adapters' largest.")
  private @Nullable Integer svdRank;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = CombinationConfig.DEFAULT_SEED,
      description = "Of what dare drops. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(names = "--overwrite", description = "Replace what is in --output.")
  private boolean overwrite;

  private static final class WeightedAdapterConverter implements ITypeConverter<WeightedAdapter> {
    @Override
    public WeightedAdapter convert(String value) {
      return parse(value, WeightedAdapter::parse);
    }
  }

  private static final class CombinationTypeConverter implements ITypeConverter<CombinationType> {
    @Override
    public CombinationType convert(String value) {
      return parse(value, CombinationType::of);
    }
  }

  private static final class MajoritySignConverter implements ITypeConverter<MajoritySign> {
    @Override
    public MajoritySign convert(String value) {
      return parse(value, MajoritySign::of);
    }
  }

  private static <T> T parse(String value, Function<String, T> parser) {
    try {
      return parser.apply(value);
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }

  @Override
  public Integer call() throws IOException {
    CombinationConfig config =
        new CombinationConfig(
            combinationType,
            Optional.ofNullable(density),
            majoritySign,
            Optional.ofNullable(svdRank),
            seed);
    Combiner.Report report = Combiner.combine(adapters, config, output, overwrite);
    PrintWriter out = spec.commandLine().getOut();
    out.println("adapter     " + output);
    out.println("combined    " + adapters.size() + " by " + combinationType.peftName());
    out.println("modules     " + report.modules());
    out.println(
        "rank        "
            + report.ranks().stream().map(String::valueOf).collect(Collectors.joining(", ")));
    out.flush();
    return 0;
  }
}
