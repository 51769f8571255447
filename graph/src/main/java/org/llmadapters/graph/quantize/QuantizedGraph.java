package org.llmadapters.graph.quantize;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.BlockSite;
import org.llmadapters.graph.rewrite.LinearSite;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.proto.TensorShapeProto;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TUint8;
import org.tensorflow.types.family.TType;

/**
 * A base graph whose blocks' linear weights are stored in codes. Where there was a variable there
 * are those of {@link Quantization#variables}; where there was its value, {@code <weight>/Read},
 * there is the value that they stand for, in the dtype of the model. In the decode graph it is
 * called {@code decode/<weight>/Read}: each of the two graphs has its own, made when the layer's
 * input is there.
 *
 * <pre>
 *   codes, scales -- dequantize -- EnsureShape (weight/Read) -- MatMul
 *                        :                                        |
 *   input ...............:----------------------------------------+
 * </pre>
 *
 * <p>So everything that reads weights finds them where they always are. An {@code EnsureShape} is
 * nothing else in such a graph.
 */
public final class QuantizedGraph {
  private static final String DEQUANTIZED = "EnsureShape";
  private static final String CODES = ".codes";

  private QuantizedGraph() {}

  /** The weights of {@code base} that can be quantized, by their names. */
  public static Map<String, Weight> quantizable(BaseGraph base) {
    Map<String, Weight> weights = new HashMap<>();
    base.weights().forEach(weight -> weights.put(weight.name(), weight));
    List<String> blocks = Sites.blocks(base.graphDef()).stream().map(BlockSite::path).toList();
    Map<String, Weight> quantizable = new LinkedHashMap<>();
    for (LinearSite site : Sites.linear(base.graphDef())) {
      String name = site.module() + ".weight";
      Weight weight = weights.get(name);
      if (weight != null
          && blocks.stream().anyMatch(block -> weight.node().startsWith(block + "/"))) {
        quantizable.put(name, weight);
      }
    }
    return quantizable;
  }

  /** The graph that computes the same as {@code base} with quantized weights. */
  public static BaseGraph of(BaseGraph base, Quantization quantization) {
    Map<String, Weight> quantized = quantizable(base);
    Map<String, Weight> handles = new HashMap<>();
    Map<String, Weight> reads = new HashMap<>();
    for (Weight weight : quantized.values()) {
      handles.put(weight.node(), weight);
      reads.put(VariableNodes.readName(weight), weight);
    }
    GraphDef.Builder graph = base.graphDef().toBuilder().clearNode();
    for (NodeDef node : base.graphDef().getNodeList()) {
      Weight weight = node.getOp().equals("MatMul") ? reads.get(node.getInput(1)) : null;
      if (weight != null) {
        String layer = node.getName().substring(0, node.getName().lastIndexOf('/'));
        String scope = layer.startsWith(Sites.DECODE_SCOPE) ? Sites.DECODE_SCOPE : "";
        graph.addAllNode(dequantized(weight, quantization, scope, layer + "/input"));
        graph.addNode(node.toBuilder().setInput(1, scope + VariableNodes.readName(weight)).build());
      } else if (handles.containsKey(node.getName())) {
        quantization
            .variables(handles.get(node.getName()))
            .forEach(variable -> graph.addNode(VariableNodes.handle(variable)));
      } else if (reads.containsKey(node.getName())) {
        quantization
            .variables(reads.get(node.getName()))
            .forEach(variable -> graph.addNode(VariableNodes.read(variable)));
      } else {
        graph.addNode(node);
      }
    }
    List<Weight> variables =
        base.weights().stream()
            .flatMap(
                weight ->
                    quantized.containsKey(weight.name())
                        ? quantization.variables(weight).stream()
                        : Stream.of(weight))
            .toList();
    return new BaseGraph(graph.build(), variables, base.signatures());
  }

  /**
   * What makes the value of a weight of the values of its variables, when there is something to
   * multiply it with: all at once, the weights would fill the memory that their codes save.
   *
   * @param scope of the graph that it is for
   * @param awaited the node that it waits for
   */
  private static List<NodeDef> dequantized(
      Weight weight, Quantization quantization, String scope, String awaited) {
    Map<String, String> names = new HashMap<>();
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      Ops tf = Ops.create(graph);
      List<Operand<?>> values = new ArrayList<>();
      for (Weight variable : quantization.variables(weight)) {
        Operand<?> value =
            tf.placeholder(TensorTypes.of(variable.dtype()), Placeholder.shape(shape(variable)));
        names.put(value.asOutput().op().name(), VariableNodes.readName(variable));
        values.add(value);
      }
      Set<String> variables = Set.copyOf(names.values());
      Operand<?> result =
          tf.ensureShape(
              TensorTypes.cast(
                  tf, quantization.dequantize(tf, weight, new Values(values)), weight.dtype()),
              shape(weight));
      names.put(result.asOutput().op().name(), scope + VariableNodes.readName(weight));
      List<NodeDef> nodes = new ArrayList<>();
      for (NodeDef node :
          renamed(graph.toGraphDef(), scope + weight.node() + "/dequantize/", names)) {
        nodes.add(
            node.getInputList().stream().anyMatch(variables::contains)
                ? node.toBuilder().addInput("^" + awaited).build()
                : node);
      }
      return nodes;
    }
  }

  private static Shape shape(Weight weight) {
    return Shape.of(weight.shape().stream().mapToLong(Long::longValue).toArray());
  }

  /** All nodes but placeholders; those without a name of their own begin with {@code prefix}. */
  private static List<NodeDef> renamed(GraphDef graph, String prefix, Map<String, String> names) {
    List<NodeDef> nodes = new ArrayList<>();
    for (NodeDef node : graph.getNodeList()) {
      if (node.getOp().equals("Placeholder")) {
        continue;
      }
      NodeDef.Builder renamed =
          node.toBuilder()
              .setName(names.getOrDefault(node.getName(), prefix + node.getName()))
              .clearInput();
      for (String input : node.getInputList()) {
        renamed.addInput(names.getOrDefault(input, prefix + input));
      }
      nodes.add(renamed.build());
    }
    return nodes;
  }

  /** Operands of the types that they are known to have. */
  private record Values(List<Operand<?>> values) implements Quantization.Variables {
    @Override
    public Operand<TUint8> codes(int position) {
      return value(position);
    }

    @Override
    public Operand<TFloat32> numbers(int position) {
      return value(position);
    }

    @SuppressWarnings("unchecked")
    private <T extends TType> Operand<T> value(int position) {
      return (Operand<T>) values.get(position);
    }
  }

  /** How the weights of {@code graph} are quantized, if they are. */
  public static Optional<Quantization> quantization(GraphDef graph) {
    for (Weight weight : dequantized(graph).values()) {
      for (Quantization quantization : Quantization.values()) {
        List<String> handles = quantization.variables(weight).stream().map(Weight::node).toList();
        if (graph.getNodeList().stream().filter(node -> handles.contains(node.getName())).count()
            == handles.size()) {
          return Optional.of(quantization);
        }
      }
    }
    return Optional.empty();
  }

  /** The weights of {@code graph} that are made of codes, by the nodes with their values. */
  public static Map<String, Weight> dequantized(GraphDef graph) {
    Map<String, Weight> weights = new LinkedHashMap<>();
    for (NodeDef node : graph.getNodeList()) {
      if (node.getOp().equals(DEQUANTIZED)) {
        TensorShapeProto shape = node.getAttrOrThrow("shape").getShape();
        weights.put(
            node.getName(),
            new Weight(
                VariableNodes.weightName(node.getName()),
                WeightDtype.of(node.getAttrOrThrow("T").getType()),
                shape.getDimList().stream().map(TensorShapeProto.Dim::getSize).toList()));
      }
    }
    return weights;
  }

  /** The weights that {@code base} computes with, in the order of its variables. */
  public static List<Weight> weights(BaseGraph base) {
    Map<String, Weight> byCodes = new HashMap<>();
    dequantized(base.graphDef())
        .values()
        .forEach(weight -> byCodes.put(weight.name() + CODES, weight));
    List<Weight> weights = new ArrayList<>();
    for (Weight variable : base.weights()) {
      if (byCodes.containsKey(variable.name())) {
        weights.add(byCodes.get(variable.name()));
      } else if (byCodes.keySet().stream().noneMatch(codes -> isOf(variable, codes))) {
        weights.add(variable);
      }
    }
    return weights;
  }

  /** Whether {@code variable} is one of those beside {@code codes}. */
  private static boolean isOf(Weight variable, String codes) {
    return variable.name().startsWith(codes.substring(0, codes.length() - CODES.length()) + ".");
  }
}
