package org.llmadapters.conversion.peft;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.llmadapters.adapters.AdaptedGraph;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.Adapters;
import org.llmadapters.adapters.MergedWeight;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.adapters.WeightChange;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.config.ModelConfig;

/** An adapter directory, opened and checked to fit a model, with the graph it was spliced into. */
public final class FittedAdapter implements AutoCloseable {
  /** What an adapter that is alone is called in the graph, as in PEFT. */
  public static final String DEFAULT_NAME = "default";

  private final Path directory;
  private final PeftAdapter files;
  private final AdaptedGraph adapted;

  private FittedAdapter(Path directory, PeftAdapter files, AdaptedGraph adapted) {
    this.directory = directory;
    this.files = files;
    this.adapted = adapted;
  }

  /** Opens the adapter in {@code directory} under its {@link #DEFAULT_NAME}; caller closes. */
  public static FittedAdapter open(Path directory, BaseGraph base, ModelConfig config)
      throws IOException {
    return open(directory, base, config, DEFAULT_NAME);
  }

  /**
   * Opens the adapter in {@code directory}; caller closes.
   *
   * @param base the model's graph, or one with other adapters in it
   * @param config the model's
   * @param name of the adapter in the graph; none in it may have the same
   * @throws FormatException if it is no adapter, or does not fit; lists all that does not
   */
  public static FittedAdapter open(Path directory, BaseGraph base, ModelConfig config, String name)
      throws IOException {
    PeftAdapter files = PeftAdapter.read(directory);
    try {
      AdaptedGraph adapted = splice(directory, base, files.config(), name);
      files.check(adapted.parameters(), config.describe());
      return new FittedAdapter(directory, files, adapted);
    } catch (FormatException e) {
      files.close();
      throw e;
    }
  }

  private static AdaptedGraph splice(
      Path directory, BaseGraph base, AdapterConfig config, String name) {
    try {
      return Splicer.splice(base.graphDef(), config, name, Splicer.Mode.INFERENCE);
    } catch (IllegalArgumentException e) {
      throw new FormatException(
          directory.resolve(PeftAdapter.CONFIG_FILE), String.valueOf(e.getMessage()), e);
    }
  }

  /** The model's graph with the adapter in it. */
  public AdaptedGraph adapted() {
    return adapted;
  }

  /**
   * The values of one of {@link #adapted}'s variables, row-major: float32.
   *
   * @throws IllegalArgumentException if it is none of them
   */
  public float[] values(Weight variable) throws IOException {
    for (AdapterParameter parameter : adapted.parameters()) {
      if (parameter.variable(adapted.name()).equals(variable)) {
        return files.tensor(parameter.name());
      }
    }
    throw new IllegalArgumentException(directory + ": has no parameter " + variable.name());
  }

  /** Gives {@link #adapted}'s variables, which {@code session} has declared, their values. */
  public void load(ModelSession session) throws IOException {
    session.assign(adapted.variables(), this::values);
  }

  /**
   * The weights that merging changes, by name.
   *
   * @throws IllegalArgumentException if this kind of adapter cannot be merged, or if it is for a
   *     layer without a weight of its own
   */
  public Map<String, MergedWeight> mergedWeights(BaseGraph base) {
    if (!files.config().kind().merges()) {
      throw cannotBeMerged();
    }
    Set<String> known = new HashSet<>();
    base.weights().stream().map(Weight::name).forEach(known::add);
    Map<String, MergedWeight> merged = new LinkedHashMap<>();
    for (MergedWeight weight : merged(base)) {
      if (!known.contains(weight.name())) {
        throw new IllegalArgumentException(
            directory
                + ": cannot be merged: it adapts "
                + weight.name().substring(0, weight.name().lastIndexOf('.'))
                + ", whose weight is the embedding's (tie_word_embeddings), so that merging would"
                + " change the embedding as well; use the adapter without merging it");
      }
      merged.put(weight.name(), weight);
    }
    return merged;
  }

  private List<MergedWeight> merged(BaseGraph base) {
    try {
      return Adapters.merged(files.config(), base);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(directory + ": " + e.getMessage(), e);
    }
  }

  /** What merging makes of one of {@link #mergedWeights}. */
  public WeightChange change(MergedWeight weight) throws IOException {
    List<float[]> values = new ArrayList<>();
    for (String name : weight.parameters()) {
      values.add(files.tensor(name));
    }
    return weight.change().apply(values);
  }

  private IllegalArgumentException cannotBeMerged() {
    return new IllegalArgumentException(
        String.format(
            "%s: an adapter of the kind %s computes more than a change of weights and cannot be"
                + " merged, as these can: %s; export it without --merge, which keeps it beside the"
                + " model",
            directory,
            files.config().kind().cliName(),
            Arrays.stream(AdapterKind.values())
                .filter(AdapterKind::merges)
                .map(AdapterKind::cliName)
                .collect(Collectors.joining(", "))));
  }

  @Override
  public void close() throws IOException {
    files.close();
  }
}
