package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.llmadapters.graph.device.TensorFlowRuntime;
import org.llmadapters.graph.rewrite.GraphFlow;
import org.llmadapters.graph.rewrite.TensorNames;
import org.tensorflow.Graph;
import org.tensorflow.Operand;
import org.tensorflow.Output;
import org.tensorflow.ndarray.Shape;
import org.tensorflow.op.Ops;
import org.tensorflow.op.core.Placeholder;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * Forward pass, loss and gradients of one replica in a flat graph; caller closes.
 *
 * @param graph with the nodes of the body and {@code labels} int32 [B, T]
 * @param outputs sum of the losses, number of counted tokens, gradients of the sum
 */
record LossGraph(Graph graph, List<Output<?>> outputs) implements AutoCloseable {
  static final String LABELS = "labels";
  private static final String LOGITS = "logits";

  LossGraph {
    outputs = List.copyOf(outputs);
  }

  /**
   * Builds the graph.
   *
   * @param body the forward pass, with placeholders for variables
   * @param trained the placeholders to differentiate by
   * @param shape of the batch
   * @param memory what is computed again, or in parts, to take less of it
   */
  static LossGraph build(GraphDef body, List<String> trained, StepShape shape, StepMemory memory) {
    try (ForwardPass forward = ForwardPass.of(body, trained)) {
      return build(forward, trained, shape, memory);
    }
  }

  private static LossGraph build(
      ForwardPass forward, List<String> trained, StepShape shape, StepMemory memory) {
    QuantizedWeights quantized = new QuantizedWeights(forward.body(), forward.flow());
    OutputLayer layer = OutputLayer.of(forward.body(), forward.flow());
    LossInParts parts = LossInParts.of(layer, shape, memory.logitsAtOnce());
    boolean whole = parts.count() == 1;
    List<RecomputedBlock> blocks =
        memory.gradientCheckpointing() ? RecomputedBlock.of(forward, quantized) : List.of();
    String end = whole ? LOGITS : layer.input();
    Optional<Piece> behindBlocks =
        blocks.isEmpty()
            ? Optional.empty()
            : Optional.of(
                Piece.of(
                    forward,
                    "behind_blocks/",
                    forward.flow().between(List.of(blocks.get(0).output()), end),
                    end));
    GraphDef.Builder nodes = forward.body().toBuilder();
    blocks.forEach(block -> nodes.addAllNode(block.copy(forward)));
    behindBlocks.ifPresent(piece -> nodes.addAllNode(piece.copy(forward, Map.of())));
    if (!whole) {
      nodes.addAllNode(parts.copies(forward));
    }
    Map<String, String> connections = new HashMap<>();
    try (Graph graph = TensorFlowRuntime.newGraph()) {
      graph.importGraphDef(nodes.build());
      Adjoints adjoints = new Adjoints(graph);
      List<Operand<?>> outputs = new ArrayList<>();
      TokenLoss loss = new TokenLoss(adjoints.tf(), labels(adjoints.tf(), shape), shape);
      Operand<TFloat32> one = adjoints.tf().constant(1f);
      outputs.add(
          whole
              ? addWhole(forward, adjoints, loss, one)
              : parts.addTo(forward, adjoints, loss, one, connections));
      outputs.add(loss.tokens());
      behindBlocks.ifPresent(
          piece -> {
            piece.connect(connections);
            piece.pass(adjoints, end);
          });
      blocks.forEach(block -> block.pass(adjoints, connections));
      outputs.addAll(byTrained(adjoints, forward.flow(), trained));
      return connected(quantized.apart(graph.toGraphDef()), connections, outputs);
    }
  }

  private static Operand<TInt32> labels(Ops tf, StepShape shape) {
    return tf.withName(LABELS)
        .placeholder(TInt32.class, Placeholder.shape(Shape.of(shape.batch(), shape.length())));
  }

  /** The loss by the logits of all tokens together. */
  private static Operand<TFloat32> addWhole(
      ForwardPass forward, Adjoints adjoints, TokenLoss loss, Operand<TFloat32> by) {
    Operand<TFloat32> sum = loss.sum(adjoints.tensor(LOGITS));
    if (forward.concerns(LOGITS)) {
      List<Operand<TFloating>> gradient =
          adjoints.through(
              "gradients/loss",
              List.of(Adjoints.name(sum)),
              List.of(Adjoints.floating(by)),
              List.of(LOGITS));
      adjoints.add(LOGITS, gradient.get(0));
    }
    return sum;
  }

  /** The gradients by what is trained, from all that is known by now. */
  private static List<Operand<TFloating>> byTrained(
      Adjoints adjoints, GraphFlow flow, List<String> trained) {
    List<String> known =
        adjoints.known().stream().filter(tensor -> !trained.contains(tensor)).toList();
    if (!known.isEmpty()) {
      Set<String> before = flow.before(known.stream().map(TensorNames::node).toList());
      List<String> reached = trained.stream().filter(before::contains).toList();
      adjoints.pass(
          "gradients/trained",
          known,
          known.stream().map(adjoints::take).toList(),
          reached,
          reached);
    }
    return trained.stream().map(adjoints::take).toList();
  }

  /** The graph with its placeholders for what was found later connected to that. */
  private static LossGraph connected(
      GraphDef built, Map<String, String> connections, List<Operand<?>> outputs) {
    GraphDef.Builder connected = built.toBuilder().clearNode();
    for (NodeDef node : built.getNodeList()) {
      String tensor = connections.get(node.getName());
      connected.addNode(
          tensor == null
              ? node
              : NodeDef.newBuilder()
                  .setName(node.getName())
                  .setOp("Identity")
                  .addInput(tensor)
                  .putAttr("T", node.getAttrOrThrow("dtype"))
                  .build());
    }
    Graph result = TensorFlowRuntime.newGraph();
    result.importGraphDef(connected.build());
    return new LossGraph(
        result,
        outputs.stream()
            .<Output<?>>map(output -> Adjoints.output(result, Adjoints.name(output)))
            .toList());
  }

  @Override
  public void close() {
    graph.close();
  }
}
