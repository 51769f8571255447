package org.llmadapters.adapters;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.Fragment;
import org.llmadapters.graph.rewrite.GraphRewriter;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.TensorNames;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.llmadapters.graph.spec.WeightLayout;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;
import org.tensorflow.types.family.TType;

/**
 * Splices adapters into a base graph: a pure function {@code GraphDef -> GraphDef}.
 *
 * <p>At every target, in the full and in the decode graph, the adapter's operations are built in a
 * small graph of their own, whose placeholders stand for the site's tensors. Its nodes then move
 * into the base under {@code adapters/<name>/<site>/}, and all that read the site's output read the
 * adapter's result. Both graphs share the adapter's parameters.
 */
public final class Splicer {
  private static final Logger log = LoggerFactory.getLogger(Splicer.class);

  private static final String INPUT = "site_input";
  private static final String OUTPUT = "site_output";
  private static final String WEIGHT = "site_weight";
  private static final String PRODUCT = "site_product";
  private static final String SEED = "site_seed";
  private static final String MATMUL = "MatMul";
  private static final String PARAMETER = "parameter_";

  /** What the graph is for. */
  public enum Mode {
    /** Scoring, generating, exporting: no dropout. */
    INFERENCE,
    /** Training: dropout acts where it is asked for. */
    TRAINING
  }

  private Splicer() {}

  /**
   * Puts an adapter into {@code base}.
   *
   * @param name of the adapter, a letter followed by letters, digits or underscores
   * @throws IllegalArgumentException if a target matches no module, in which case the message lists
   *     the modules there are, or if {@code base} has an adapter of that name
   */
  public static AdaptedGraph splice(GraphDef base, AdapterConfig config, String name, Mode mode) {
    if (!name.matches("[A-Za-z][A-Za-z0-9_]*")) {
      throw new IllegalArgumentException(
          "an adapter's name is a letter followed by letters, digits or _, got \"" + name + "\"");
    }
    if (base.getNodeList().stream().anyMatch(node -> node.getName().startsWith(prefix(name)))) {
      throw new IllegalArgumentException(
          "the graph has an adapter called \"" + name + "\" already; give it another name");
    }
    Adapter adapter = Adapters.of(config);
    List<LinearSite> sites = Sites.linear(base);
    List<LinearSite> targets = targets(adapter.targetModules(), sites);
    Map<String, NodeDef> nodes = new HashMap<>();
    base.getNodeList().forEach(node -> nodes.put(node.getName(), node));

    GraphRewriter rewriter = GraphRewriter.on(base).expecting(targets.size());
    Map<String, AdapterParameter> parameters = new LinkedHashMap<>();
    Set<String> modules = new LinkedHashSet<>();
    boolean usesSeed = false;
    for (LinearSite site : targets) {
      modules.add(site.module());
      SiteBuilder builder = new SiteBuilder(site, nodes, name, mode, modules.size() - 1);
      rewriter.insert(builder.build(adapter));
      builder.parameters.forEach(parameter -> parameters.putIfAbsent(parameter.name(), parameter));
      usesSeed |= builder.usesSeed;
      log.debug("{} <- {}{}", config, site.scope(), site.module());
    }

    List<NodeDef> shared = new ArrayList<>();
    for (AdapterParameter parameter : parameters.values()) {
      Weight variable = parameter.variable(name);
      shared.add(VariableNodes.handle(variable));
      shared.add(VariableNodes.read(variable));
    }
    if (usesSeed) {
      shared.add(seedPlaceholder(name));
    }
    return new AdaptedGraph(
        rewriter.adding(shared).rewrite(),
        name,
        config,
        List.copyOf(modules),
        List.copyOf(parameters.values()));
  }

  static String dropoutSeedNode(String name) {
    return prefix(name) + "dropout_seed";
  }

  private static String prefix(String name) {
    return "adapters/" + name + "/";
  }

  private static List<LinearSite> targets(TargetModules targetModules, List<LinearSite> sites) {
    List<String> unmatched =
        targetModules.unmatched(sites.stream().map(LinearSite::module).toList());
    if (!unmatched.isEmpty()) {
      Set<String> known = new TreeSet<>();
      sites.forEach(site -> known.add(site.module().substring(site.module().lastIndexOf('.') + 1)));
      throw new IllegalArgumentException(
          "target_modules: nothing in the model matches "
              + String.join(", ", unmatched)
              + "; its linear modules are "
              + String.join(", ", known)
              + ". List them with: llm-adapters inspect --model DIR");
    }
    return sites.stream().filter(site -> targetModules.matches(site.module())).toList();
  }

  private static NodeDef seedPlaceholder(String name) {
    return NodeDef.newBuilder()
        .setName(dropoutSeedNode(name))
        .setOp("Placeholder")
        .putAttr("dtype", VariableNodes.type(DataType.DT_INT32))
        .putAttr("shape", VariableNodes.shape(List.of(2L)))
        .build();
  }

  /** Builds the adapter's nodes at one site. */
  private static final class SiteBuilder implements AdapterParameters {
    private final LinearSite site;
    private final Map<String, NodeDef> nodes;
    private final String adapterName;
    private final Mode mode;
    private final int siteIndex;
    private final Graph scratch = new Graph();
    private final Ops tf = Ops.create(scratch);
    private final List<AdapterParameter> parameters = new ArrayList<>();

    /** Scratch placeholder -> the tensor of the real graph that it stands for. */
    private final Map<String, String> standsFor = new LinkedHashMap<>();

    private boolean usesSeed;

    SiteBuilder(
        LinearSite site, Map<String, NodeDef> nodes, String adapterName, Mode mode, int siteIndex) {
      this.site = site;
      this.nodes = nodes;
      this.adapterName = adapterName;
      this.mode = mode;
      this.siteIndex = siteIndex;
    }

    @SuppressWarnings("unchecked")
    Fragment build(Adapter adapter) {
      try (scratch) {
        Class<TFloating> type = TensorTypes.of(site.dtype());
        Operand<TFloating> input = standIn(INPUT, type, site.input(), -1, -1, site.inFeatures());
        Operand<TFloating> output =
            standIn(OUTPUT, type, site.output(), -1, -1, site.outFeatures());
        Operand<TFloating> result = adapter.apply(tf, site, input, output, this);
        String replaced =
            switch (adapter.replaced(site)) {
              case INPUT -> site.input();
              case OUTPUT -> site.output();
            };
        return relocate(scratch.toGraphDef(), result.asOutput().op().name(), replaced);
      }
    }

    @Override
    public Operand<TFloat32> trainable(String name, List<Long> shape, Initializer initializer) {
      AdapterParameter parameter =
          new AdapterParameter(site.module() + "." + name, shape, initializer);
      parameters.add(parameter);
      long[] sizes = shape.stream().mapToLong(Long::longValue).toArray();
      return standIn(
          PARAMETER + name,
          TFloat32.class,
          VariableNodes.readName(parameter.variable(adapterName)),
          sizes);
    }

    @Override
    public Operand<TFloating> weight() {
      long[] shape = weightVariable().shape().stream().mapToLong(Long::longValue).toArray();
      return standIn(
          WEIGHT, TensorTypes.of(site.dtype()), node(site.node(MATMUL)).getInput(1), shape);
    }

    @Override
    public Weight weightVariable() {
      NodeDef read = node(TensorNames.node(node(site.node(MATMUL)).getInput(1)));
      String handle = TensorNames.node(read.getInput(0));
      boolean outIn = site.layout() == WeightLayout.OUT_IN;
      return new Weight(
          handle.replace('/', '.'),
          site.dtype(),
          outIn
              ? List.of(site.outFeatures(), site.inFeatures())
              : List.of(site.inFeatures(), site.outFeatures()));
    }

    @Override
    public Operand<TFloating> product() {
      return standIn(
          PRODUCT, TensorTypes.of(site.dtype()), site.node(MATMUL), -1, site.outFeatures());
    }

    private NodeDef node(String name) {
      return Objects.requireNonNull(nodes.get(name), name);
    }

    @Override
    public boolean training() {
      return mode == Mode.TRAINING;
    }

    @Override
    public Operand<TInt32> dropoutSeed() {
      usesSeed = true;
      Operand<TInt32> stepSeed = standIn(SEED, TInt32.class, dropoutSeedNode(adapterName), 2);
      return tf.math.add(stepSeed, tf.constant(new int[] {0, siteIndex}));
    }

    private <T extends TType> Operand<T> standIn(
        String name, Class<T> type, String tensor, long... shape) {
      standsFor.put(name, tensor);
      return tf.withName(name).placeholder(type, Placeholder.shape(Shape.of(shape)));
    }

    private Fragment relocate(GraphDef built, String result, String replaced) {
      String prefix = prefix(adapterName) + site.node("");
      List<NodeDef> moved = new ArrayList<>();
      for (NodeDef node : built.getNodeList()) {
        if (standsFor.containsKey(node.getName())) {
          continue;
        }
        NodeDef.Builder copy = node.toBuilder().setName(prefix + node.getName()).clearInput();
        node.getInputList().forEach(input -> copy.addInput(relocate(input, prefix)));
        moved.add(copy.build());
      }
      return new Fragment(moved, replaced, prefix + result);
    }

    private String relocate(String input, String prefix) {
      String node = TensorNames.node(input);
      String tensor = standsFor.get(node);
      if (tensor != null) {
        return tensor;
      }
      return (TensorNames.isControl(input) ? "^" : "")
          + prefix
          + (TensorNames.isControl(input) ? node : input);
    }
  }
}
