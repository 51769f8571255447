package org.llmadapters.adapters;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.tensorflow.proto.GraphDef;

/**
 * Splices adapters into a base graph: a pure function {@code GraphDef -> GraphDef}.
 *
 * <p>At every site, in the full and in the decode graph, the adapter's operations are built in a
 * small graph of their own, whose placeholders stand for the site's tensors. Its nodes then move
 * into the base under {@code adapters/<name>/<site>/}, and all that read one of the site's tensors
 * read the adapter's result. Both graphs share the adapter's parameters.
 */
public final class Splicer {
  private static final Logger log = LoggerFactory.getLogger(Splicer.class);

  /** What the graph is for. */
  public enum Mode {
    /** Scoring, generating, exporting: the parameters as they are stored, no dropout. */
    INFERENCE(false, false),
    /** Evaluating while training: the parameters that are trained, no dropout. */
    EVALUATION(false, true),
    /** Training: the parameters that are trained, dropout where it is asked for. */
    TRAINING(true, true);

    private final boolean dropout;
    private final boolean trained;

    Mode(boolean dropout, boolean trained) {
      this.dropout = dropout;
      this.trained = trained;
    }

    boolean dropout() {
      return dropout;
    }

    /** Whether parameters are those that are trained, where others are stored. */
    boolean trained() {
      return trained;
    }
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
    Splice splice = new Splice(base, name, mode);
    Adapters.of(config).addTo(splice);
    AdaptedGraph adapted = splice.finish(config);
    log.debug("{} <- {}", adapted.modules(), config);
    return adapted;
  }

  static String dropoutSeedNode(String name) {
    return prefix(name) + "dropout_seed";
  }

  static String prefix(String name) {
    return "adapters/" + name + "/";
  }
}
