package org.llmadapters.conversion.export;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.MergedWeight;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.CountingChannel;
import org.llmadapters.conversion.DeltaChannel;
import org.llmadapters.conversion.DirectoryKind;
import org.llmadapters.conversion.MergeCheck;
import org.llmadapters.conversion.ModelAssets;
import org.llmadapters.conversion.files.OutputDirectory;
import org.llmadapters.conversion.peft.FittedAdapter;
import org.llmadapters.conversion.progress.Progress;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.GenerateGraph;
import org.llmadapters.graph.rewrite.GraphPruner;
import org.llmadapters.graph.savedmodel.SavedModelWriter;
import org.llmadapters.graph.savedmodel.TensorBundle;
import org.llmadapters.graph.savedmodel.TensorBundleWriter;
import org.llmadapters.graph.savedmodel.VariableSaver;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.SignatureDef;
import org.tensorflow.proto.TensorInfo;

/**
 * Writes one version of a model for TensorFlow Serving, or for whoever loads SavedModels:
 *
 * <pre>
 *   NAME/VERSION/
 *     saved_model.pb    a flat graph, tag serve, with the signatures
 *                         serving_default  input_ids, attention_mask -> logits
 *                         generate         input_ids, attention_mask (padded on the left),
 *                                          max_new_tokens -> output_ids, output_lengths
 *     variables/        the base's weights, with the adapter merged or beside them
 *     assets.extra/     config.json, the tokenizer's files, tf_serving_warmup_requests
 * </pre>
 *
 * <p>Nothing in it is compiled ahead or asks to be: TensorFlow Serving refuses {@code
 * _XlaMustCompile} unless it is started with a flag. Weights are streamed from file to file.
 */
public final class ServingExport {
  private static final String SERVING_DEFAULT = "serving_default";

  private static final int CHUNK_VALUES = 1 << 16;

  private final BaseModel base;
  private final @Nullable FittedAdapter adapter;

  /** Weights that the adapter is merged into, by name; empty where it stays beside them. */
  private final Map<String, MergedWeight> merged;

  private ServingExport(
      BaseModel base, @Nullable FittedAdapter adapter, Map<String, MergedWeight> merged) {
    this.base = base;
    this.adapter = adapter;
    this.merged = merged;
  }

  /**
   * What was exported.
   *
   * @param directory of the version
   * @param signatures by name
   * @param bytes size of the variables
   * @param mergedWeights how many weights the adapter was merged into
   * @param adapterVariables how many variables of the adapter lie beside the weights
   * @param difference of the logits before and after merging, relative to the largest, if it was
   *     checked
   */
  public record Report(
      Path directory,
      Map<String, SignatureDef> signatures,
      long bytes,
      int mergedWeights,
      int adapterVariables,
      OptionalDouble difference) {
    public Report {
      signatures = Map.copyOf(signatures);
    }
  }

  /** A graph, its variables and its signatures. */
  private record Served(
      GraphDef graphDef, List<Weight> variables, Map<String, SignatureDef> signatures) {}

  /**
   * Writes the version, which appears only when it is whole.
   *
   * @throws org.llmadapters.graph.FormatException if the model or the adapter is not what it should
   *     be, or they do not fit
   * @throws IllegalArgumentException if the version exists and is not to be overwritten, or if the
   *     adapter is to be merged and cannot be
   */
  public static Report export(ExportConfig config) throws IOException {
    requireNewVersion(config);
    BaseModel base = BaseModel.open(config.model());
    if (config.adapter().isEmpty()) {
      return new ServingExport(base, null, Map.of()).write(config);
    }
    Path directory = config.adapter().get();
    DirectoryKind.ADAPTER.require(directory);
    try (FittedAdapter adapter = FittedAdapter.open(directory, base.graph(), base.config())) {
      Map<String, MergedWeight> merged =
          config.merge() ? adapter.mergedWeights(base.graph()) : Map.of();
      return new ServingExport(base, adapter, merged).write(config);
    }
  }

  private static void requireNewVersion(ExportConfig config) {
    if (!config.overwrite() && Files.exists(config.directory())) {
      throw new IllegalArgumentException(
          config.directory() + ": this version exists; give another --version, or --overwrite it");
    }
  }

  private Report write(ExportConfig config) throws IOException {
    Served served = served();
    try (OutputDirectory output =
        OutputDirectory.create(
            config.directory(),
            config.overwrite(),
            config.model(),
            config.adapter().orElse(config.model()))) {
      VariableSaver.Saver saver = VariableSaver.addTo(served.graphDef(), served.variables());
      SavedModelWriter.write(output.path(), saver.graph(), served.signatures(), saver.saverDef());
      long bytes = writeVariables(served.variables(), output.path());
      Path assets = output.path().resolve(ModelAssets.DIRECTORY);
      ModelAssets.copy(base.assets(), assets);
      WarmUp.write(assets.resolve(WarmUp.FILE), config.name(), served.signatures(), base.config());
      OptionalDouble difference =
          !merged.isEmpty() && config.check()
              ? OptionalDouble.of(check(config.directory(), output.path()))
              : OptionalDouble.empty();
      output.commit();
      return new Report(
          config.directory(),
          served.signatures(),
          bytes,
          merged.size(),
          beside().size(),
          difference);
    }
  }

  private double check(Path directory, Path written) throws IOException {
    FittedAdapter fitted = Objects.requireNonNull(adapter);
    MergeCheck check = new MergeCheck(base.config().sizes().vocabSize());
    List<Weight> weights = base.graph().weights();
    List<Weight> variables = new ArrayList<>(weights);
    variables.addAll(fitted.adapted().variables());
    float[][][] unmerged =
        check.logits(
            fitted.adapted().graphDef(),
            variables,
            session -> {
              session.restore(base.variables(), weights);
              fitted.load(session);
            });
    float[][][] logits =
        check.logits(
            base.graph().graphDef(),
            weights,
            session -> session.restore(SavedModelWriter.variables(written), weights));
    return MergeCheck.compare(directory, logits, unmerged, base.dtype());
  }

  /** The variables of the adapter that lie beside the model's. */
  private List<Weight> beside() {
    return adapter == null || !merged.isEmpty() ? List.of() : adapter.adapted().variables();
  }

  /** All but the weights of the base that the adapter has trained values of. */
  private Served served() {
    GraphDef graph =
        adapter == null || !merged.isEmpty()
            ? base.graph().graphDef()
            : adapter.adapted().graphDef();
    GenerateGraph generating = GenerateGraph.addTo(graph, base.config(), base.dtype());
    Map<String, SignatureDef> signatures = new LinkedHashMap<>();
    signatures.put(
        SERVING_DEFAULT, Objects.requireNonNull(base.graph().signatures().get(SERVING_DEFAULT)));
    signatures.put("generate", generating.signature());
    List<String> wanted = new ArrayList<>();
    for (SignatureDef signature : signatures.values()) {
      signature.getInputsMap().values().stream().map(TensorInfo::getName).forEach(wanted::add);
      signature.getOutputsMap().values().stream().map(TensorInfo::getName).forEach(wanted::add);
    }
    GraphDef kept = GraphPruner.keep(generating.graphDef(), wanted);
    Set<String> nodes =
        kept.getNodeList().stream().map(NodeDef::getName).collect(Collectors.toSet());
    List<Weight> variables =
        new ArrayList<>(
            base.graph().weights().stream()
                .filter(weight -> nodes.contains(weight.node()))
                .toList());
    variables.addAll(beside());
    return new Served(kept, variables, signatures);
  }

  private long writeVariables(List<Weight> variables, Path directory) throws IOException {
    long total = variables.stream().mapToLong(Weight::bytes).sum();
    TensorBundle weights = TensorBundle.open(base.variables());
    try (Progress progress = Progress.start("exporting", total, "bytes");
        TensorBundleWriter bundle =
            TensorBundleWriter.create(
                SavedModelWriter.variables(directory), TensorBundleWriter.DEFAULT_SHARD_BYTES)) {
      for (Weight variable : variables) {
        bundle.add(
            variable.name(),
            variable.dtype().dataType(),
            variable.shape(),
            channel -> writeVariable(weights, variable, new CountingChannel(channel, progress)));
      }
      bundle.finish();
    }
    return total;
  }

  private void writeVariable(TensorBundle weights, Weight variable, WritableByteChannel out)
      throws IOException {
    TensorBundle.Entry entry = weights.entries().get(variable.name());
    MergedWeight weight = merged.get(variable.name());
    if (entry == null) {
      writeParameter(variable, out);
    } else if (weight == null || adapter == null) {
      weights.copyTo(entry, out);
    } else {
      try (DeltaChannel added =
          new DeltaChannel(
              adapter.change(weight), weight.columns(), variable.dtype(), variable.dtype(), out)) {
        weights.copyTo(entry, added);
        added.flush();
      }
    }
  }

  /** A parameter of the adapter: float32. */
  private void writeParameter(Weight variable, WritableByteChannel out) throws IOException {
    FittedAdapter fitted = Objects.requireNonNull(adapter);
    float[] values = fitted.values(variable);
    ByteBuffer bytes =
        ByteBuffer.allocate(CHUNK_VALUES * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int done = 0; done < values.length; done += CHUNK_VALUES) {
      int count = Math.min(CHUNK_VALUES, values.length - done);
      bytes.clear().limit(count * Float.BYTES);
      bytes.asFloatBuffer().put(values, done, count);
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
    }
  }
}
