package org.llmadapters.training;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.rewrite.BlockSite;
import org.llmadapters.graph.rewrite.GraphFlow;
import org.llmadapters.graph.rewrite.NodeCopies;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.VariableNodes;
import org.tensorflow.proto.DataType;
import org.tensorflow.proto.GraphDef;
import org.tensorflow.proto.NodeDef;

/**
 * One decoder block for activation checkpointing (Chen et al. 2016, arXiv:1604.06174): the forward
 * pass keeps what the block reads, and the backward pass computes the block again from that, when
 * it has come down to it.
 *
 * <pre>
 *   input ----- block ----- output                                    forward
 *     |
 *     +-- barrier -- copy of the block -- gradients by input and      backward
 *            |                            by what else it reads
 *   gradient by output
 * </pre>
 *
 * @param input the node that the block reads
 * @param output the node with its result: what the next block reads
 * @param dtype of both
 * @param codes the placeholders of what weights are made of, which is done again as well
 * @param nodes on the way
 */
record RecomputedBlock(String input, String output, DataType dtype, List<NodeDef> codes, List<NodeDef> nodes) {
  private static final String PREFIX = "recompute/";

  RecomputedBlock {
    codes = List.copyOf(codes);
    nodes = List.copyOf(nodes);
  }

  /**
   * The blocks of {@code body}, from the last to the first.
   *
   * @throws IllegalArgumentException if a block gives more than its result
   */
  static List<RecomputedBlock> of(GraphDef body, GraphFlow flow, QuantizedWeights quantized) {
    List<BlockSite> sites = Sites.blocks(body);
    List<RecomputedBlock> blocks = new ArrayList<>();
    for (int i = sites.size() - 1; i >= 0; i--) {
      BlockSite site = sites.get(i);
      String output = i == sites.size() - 1 ? site.output() : sites.get(i + 1).input();
      List<String> starts = new ArrayList<>(quantized.codesOf(site.path()));
      List<NodeDef> codes = starts.stream().map(flow::node).toList();
      starts.add(site.input());
      List<NodeDef> nodes = flow.between(starts, output);
      List<String> others = flow.readersInside(nodes, output);
      if (!others.isEmpty()) {
        throw new IllegalArgumentException(
            "--gradient-checkpointing computes blocks again from their inputs, but "
                + String.join(", ", others)
                + " reads what is inside of "
                + site.path());
      }
      blocks.add(new RecomputedBlock(site.input(), output, site.dtype(), codes, nodes));
    }
    return blocks;
  }

  /** The copy, which is to be added to the graph before it is differentiated. */
  List<NodeDef> copy() {
    List<NodeDef> copy = new ArrayList<>();
    copy.add(
        NodeDef.newBuilder()
            .setName(gradient())
            .setOp("Placeholder")
            .putAttr("dtype", VariableNodes.type(dtype))
            .putAttr("shape", VariableNodes.unknownShape())
            .build());
    List<String> together = new ArrayList<>(List.of(input, gradient()));
    List<DataType> types = new ArrayList<>(List.of(dtype, dtype));
    Map<String, String> replaced = new HashMap<>(Map.of(input, barrier()));
    for (NodeDef code : codes) {
      replaced.put(code.getName(), barrier() + ":" + together.size());
      together.add(code.getName());
      types.add(code.getAttrOrThrow("dtype").getType());
    }
    copy.add(Barrier.node(barrier(), together, types));
    copy.addAll(NodeCopies.of(nodes, PREFIX, replaced));
    return copy;
  }

  /** Takes the gradient by the block's output and adds those by all that it reads. */
  void pass(Adjoints adjoints, Map<String, String> connections) {
    List<String> read = new ArrayList<>();
    if (adjoints.concerns(input)) {
      read.add(input);
    }
    adjoints.inputs(nodes).stream().filter(tensor -> !tensor.equals(input)).forEach(read::add);
    connections.put(gradient(), Adjoints.name(adjoints.take(output)));
    var gradients =
        adjoints.through(
            "gradients/" + input,
            List.of(PREFIX + output),
            List.of(adjoints.tensor(barrier() + ":1")),
            read.stream().map(tensor -> tensor.equals(input) ? barrier() : tensor).toList());
    for (int i = 0; i < read.size(); i++) {
      adjoints.add(read.get(i), gradients.get(i));
    }
  }

  /** Stands for the gradient by the output until that is known. */
  private String gradient() {
    return PREFIX + input + "/gradient";
  }

  private String barrier() {
    return PREFIX + input + "/again";
  }
}
