package org.llmadapters.training.step;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llmadapters.graph.rewrite.NodeCopies;
import org.tensorflow.proto.NodeDef;

/**
 * A part of the forward pass that is computed by a copy of its own, which placeholders cut off from
 * everything before it: differentiated, it gives the gradients by what it reads directly, and by
 * nothing else that these depend on. The placeholders are connected when all is differentiated.
 *
 * @param prefix of the names of the copy
 * @param nodes of the part
 * @param inputs the tensors that gradients are passed to
 */
record Piece(String prefix, List<NodeDef> nodes, List<String> inputs) {
  Piece {
    nodes = List.copyOf(nodes);
    inputs = List.copyOf(inputs);
  }

  /** The part of {@code forward} that consists of {@code nodes} and gives {@code output}. */
  static Piece of(ForwardPass forward, String prefix, List<NodeDef> nodes, String output) {
    return new Piece(prefix, nodes, forward.inputs(nodes, output));
  }

  /**
   * The placeholders and the copy.
   *
   * @param others what is read in place of other tensors
   */
  List<NodeDef> copy(ForwardPass forward, Map<String, String> others) {
    List<NodeDef> copy = new ArrayList<>();
    Map<String, String> replaced = new HashMap<>();
    for (String input : inputs) {
      copy.add(forward.placeholder(placeholder(input), input));
      replaced.put(input, placeholder(input));
    }
    replaced.putAll(others);
    copy.addAll(NodeCopies.of(nodes, prefix, replaced));
    return copy;
  }

  /** Stands for one of the inputs. */
  String placeholder(String input) {
    return prefix + "input_" + inputs.indexOf(input);
  }

  /** The tensor of the copy. */
  String copied(String tensor) {
    return prefix + tensor;
  }

  /** Connects all placeholders to what they stand for. */
  void connect(Map<String, String> connections) {
    inputs.forEach(input -> connections.put(placeholder(input), input));
  }

  /** Takes the gradient by {@code output} and adds those by the inputs. */
  void pass(Adjoints adjoints, String output) {
    adjoints.pass(
        "gradients/" + prefix + "piece",
        List.of(copied(output)),
        List.of(adjoints.take(output)),
        inputs.stream().map(this::placeholder).toList(),
        inputs);
  }
}
