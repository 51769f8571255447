package org.llmadapters.graph.rewrite;

/**
 * The three forms of an input in a {@code NodeDef}: {@code node} (output 0), {@code node:2} (output
 * 2), and {@code ^node} (a control edge).
 */
public final class TensorNames {
  private TensorNames() {}

  /** The node that {@code input} comes from. */
  public static String node(String input) {
    int start = isControl(input) ? 1 : 0;
    int colon = input.indexOf(':');
    return colon < 0 ? input.substring(start) : input.substring(start, colon);
  }

  /** Which of the node's outputs {@code input} is. */
  public static int output(String input) {
    int colon = input.indexOf(':');
    return colon < 0 ? 0 : Integer.parseInt(input.substring(colon + 1));
  }

  /** Whether {@code input} only orders execution. */
  public static boolean isControl(String input) {
    return input.startsWith("^");
  }

  /** Whether {@code input} is output 0 of {@code node}. */
  public static boolean isFirstOutput(String input, String node) {
    return input.equals(node) || input.equals(node + ":0");
  }
}
