package org.llmadapters.graph.rewrite;

import java.util.List;
import org.tensorflow.proto.NodeDef;

/**
 * New nodes, and the tensor of the old graph whose place their result takes.
 *
 * @param nodes to be added; they may read any node of the graph
 * @param replaced the old node, whose output 0 is replaced for everybody but {@code nodes}
 * @param replacement the new tensor
 */
public record Fragment(List<NodeDef> nodes, String replaced, String replacement) {
  public Fragment {
    nodes = List.copyOf(nodes);
  }
}
