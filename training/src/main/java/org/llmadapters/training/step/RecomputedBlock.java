package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.rewrite.BlockSite;
import org.llmadapters.graph.rewrite.Sites;
import org.tensorflow.Operand;
import org.tensorflow.Output;
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
 * @param codes the placeholders of what weights are made of, which is done again as well
 * @param piece the block
 */
record RecomputedBlock(String input, String output, List<NodeDef> codes, Piece piece) {
  RecomputedBlock {
    codes = List.copyOf(codes);
  }

  /**
   * The blocks that gradients pass, from the last to the first.
   *
   * @throws IllegalArgumentException if a block gives more than its result
   */
  static List<RecomputedBlock> of(ForwardPass forward, QuantizedWeights quantized) {
    List<BlockSite> sites = Sites.blocks(forward.body());
    List<RecomputedBlock> blocks = new ArrayList<>();
    for (int i = sites.size() - 1; i >= 0; i--) {
      BlockSite site = sites.get(i);
      String output = i == sites.size() - 1 ? site.output() : sites.get(i + 1).input();
      if (!forward.concerns(output)) {
        break;
      }
      List<String> starts = new ArrayList<>(quantized.codesOf(site.path()));
      List<NodeDef> codes = starts.stream().map(forward.flow()::node).toList();
      starts.add(site.input());
      List<NodeDef> nodes = forward.flow().between(starts, output);
      List<String> others = forward.flow().readersInside(nodes, output);
      if (!others.isEmpty()) {
        throw new IllegalArgumentException(
            "--gradient-checkpointing computes blocks again from their inputs, but "
                + String.join(", ", others)
                + " reads what is inside of "
                + site.path());
      }
      blocks.add(
          new RecomputedBlock(
              site.input(),
              output,
              codes,
              Piece.of(forward, "recompute/" + site.path() + "/", nodes, output)));
    }
    return blocks;
  }

  /** The copy, which is to be added to the graph before it is differentiated. */
  List<NodeDef> copy(ForwardPass forward) {
    List<NodeDef> copy = new ArrayList<>();
    Map<String, String> replaced = new HashMap<>();
    for (NodeDef code : codes) {
      copy.add(forward.placeholder(again(code.getName()), code.getName()));
      replaced.put(code.getName(), again(code.getName()));
    }
    if (!piece.inputs().contains(input)) {
      copy.add(forward.placeholder(again(input), input));
      replaced.put(input, again(input));
    }
    copy.addAll(piece.copy(forward, replaced));
    return copy;
  }

  /** Takes the gradient by the block's output and adds those by all that it reads. */
  void pass(Adjoints adjoints, Map<String, String> connections) {
    List<Operand<?>> together = new ArrayList<>();
    together.add(adjoints.take(output));
    together.add(adjoints.tensor(input));
    codes.forEach(code -> together.add(adjoints.tensor(code.getName())));
    List<Output<?>> passed = Barrier.of(adjoints.tf(), again("barrier"), together);
    piece.connect(connections);
    connections.put(
        piece.inputs().contains(input) ? piece.placeholder(input) : again(input),
        Adjoints.name(passed.get(1)));
    for (int i = 0; i < codes.size(); i++) {
      connections.put(again(codes.get(i).getName()), Adjoints.name(passed.get(2 + i)));
    }
    adjoints.add(output, Adjoints.floating(passed.get(0)));
    piece.pass(adjoints, output);
  }

  /** The name in the copy's scope of what is no part of the copy. */
  private String again(String name) {
    return piece.prefix() + "again/" + name;
  }
}
