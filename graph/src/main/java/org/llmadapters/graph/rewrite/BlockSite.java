package org.llmadapters.graph.rewrite;

import org.tensorflow.proto.DataType;

/**
 * One decoder block of the full graph: all that lies between two Identity nodes, dtype [B, T, H].
 *
 * @param path of the block's nodes: {@code model/layers/0}
 * @param dtype of what goes in and out
 */
public record BlockSite(String path, DataType dtype) {
  /** Name of the node that a block reads. */
  public static final String INPUT = "hidden_states";

  /** Name of the node with what a block gives. */
  public static final String OUTPUT = "output";

  /** The node that everything in the block starts from. */
  public String input() {
    return path + "/" + INPUT;
  }

  /** The node with the block's result. */
  public String output() {
    return path + "/" + OUTPUT;
  }
}
