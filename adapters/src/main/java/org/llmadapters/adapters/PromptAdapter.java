package org.llmadapters.adapters;

import java.util.List;
import java.util.Optional;
import org.llmadapters.adapters.AdapterParameter.Initializer;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.block.TokenShapes;
import org.llmadapters.graph.config.TensorTypes;
import org.llmadapters.graph.rewrite.EmbeddingSite;
import org.llmadapters.graph.rewrite.Sites;
import org.llmadapters.graph.rewrite.TensorNames;
import org.tensorflow.Operand;
import org.tensorflow.op.Ops;
import org.tensorflow.types.TBool;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TFloating;

/**
 * Vectors before the embeddings of the tokens: prompt tuning and P-tuning; see {@link PromptConfig}
 * and {@link PTuningConfig}.
 *
 * <p>The full graph gets P columns before the tokens, and gives the logits of the tokens alone. In
 * the decode graph whoever decodes puts them there, as {@link Sites#VIRTUAL_TOKENS} says; what
 * their ids are does not matter.
 */
final class PromptAdapter implements Adapter {
  private static final String INPUT_IDS = "input_ids";
  private static final String ATTENTION_MASK = "attention_mask";
  private static final String LOGITS = "logits";

  private final PromptLearning prompt;
  private final Optional<PromptEncoder> encoder;
  private final Initializer initializer;

  private PromptAdapter(
      PromptLearning prompt, Optional<PromptEncoder> encoder, Initializer initializer) {
    this.prompt = prompt;
    this.encoder = encoder;
    this.initializer = initializer;
  }

  static PromptAdapter of(PromptConfig config) {
    return new PromptAdapter(
        config.prompt(),
        Optional.empty(),
        config
            .initText()
            .<Initializer>map(Initializer.TextEmbeddings::new)
            .orElse(new Initializer.Normal(1)));
  }

  static PromptAdapter of(PTuningConfig config) {
    PromptLearning prompt = config.prompt();
    int width = prompt.tokenDim();
    int hidden = config.encoderHiddenSize();
    PromptEncoder embedding = VirtualTokens.embedding(prompt.numVirtualTokens(), width);
    PromptEncoder encoder =
        switch (config.encoder()) {
          case MLP -> head(embedding, List.of(width, hidden, hidden, width));
          case LSTM ->
              head(
                  new LstmEncoder(
                      "prompt_encoder.lstm_head",
                      embedding,
                      prompt.numVirtualTokens(),
                      width,
                      hidden,
                      config.encoderNumLayers(),
                      config.encoderDropout()),
                  List.of(2 * hidden, 2 * hidden, width));
        };
    return new PromptAdapter(prompt, Optional.of(encoder), new Initializer.Normal(1));
  }

  private static PromptEncoder head(PromptEncoder input, List<Integer> widths) {
    return new DenseEncoder("prompt_encoder.mlp_head", input, widths, (tf, x) -> tf.nn.relu(x));
  }

  @Override
  public void addTo(Splice splice) {
    VirtualTokens.requireNone(splice); // they are put between the ids and their embedding
    int rows = prompt.numVirtualTokens();
    List<EmbeddingSite> sites = Sites.tokenEmbeddings(splice.base());
    if (sites.size() != 2) {
      throw new IllegalArgumentException(
          "the graph has "
              + sites.size()
              + " embeddings of input_ids, expected one for the full"
              + " and one for the decode graph");
    }
    String tokens = VirtualTokens.addTo(splice, rows, sites.get(0).width(), encoder, initializer);
    for (EmbeddingSite site : sites) {
      splice.adapt(site.module());
      try (Splice.Part part = splice.part(site.path() + "/")) {
        Operand<TFloating> vectors =
            TensorTypes.cast(
                part.tf(),
                part.tensor(tokens, TFloat32.class, rows, site.width()),
                site.dtype()); // [P, E]
        Operand<TFloating> own =
            part.tensor(site.output(), TensorTypes.of(site.dtype()), -1, -1, site.width());
        part.replace(
            site.output(),
            site.scope().isEmpty()
                ? before(part.tf(), vectors, own, site)
                : inFirstSlots(part, vectors, own, site));
      }
    }
    try (Splice.Part part = splice.part("tokens/")) {
      widen(part, INPUT_IDS, 0);
      widen(part, ATTENTION_MASK, 1);
      String logits = TensorNames.node(splice.node(LOGITS).getInput(0));
      Operand<TFloat32> all = part.tensor(logits, TFloat32.class, -1, -1, -1);
      part.replace(
          logits,
          part.tf()
              .slice(
                  all,
                  part.tf().constant(new int[] {0, rows, 0}),
                  part.tf().constant(new int[] {-1, -1, -1})));
    }
  }

  /** P columns of {@code value} before an int32 [B, T]. */
  private void widen(Splice.Part part, String tensor, int value) {
    Ops tf = part.tf();
    Operand<TInt32> own = part.tensor(tensor, TInt32.class, -1, -1);
    Operand<TInt32> columns =
        tf.fill(
            tf.stack(List.of(TokenShapes.size(tf, own, 0), tf.constant(prompt.numVirtualTokens()))),
            tf.constant(value));
    part.replace(tensor, tf.concat(List.of(columns, own), tf.constant(1)));
  }

  /**
   * @param vectors dtype [P, E]
   * @param own dtype [B, P + T, E], of which the first P columns are thrown away
   */
  private Operand<TFloating> before(
      Ops tf, Operand<TFloating> vectors, Operand<TFloating> own, EmbeddingSite site) {
    int rows = prompt.numVirtualTokens();
    int width = Math.toIntExact(site.width());
    Operand<TInt32> shape =
        tf.stack(List.of(TokenShapes.size(tf, own, 0), tf.constant(rows), tf.constant(width)));
    Operand<TFloating> real =
        tf.slice(own, tf.constant(new int[] {0, rows, 0}), tf.constant(new int[] {-1, -1, -1}));
    return tf.concat(
        List.of(
            tf.broadcastTo(tf.reshape(vectors, tf.constant(new int[] {1, rows, width})), shape),
            real),
        tf.constant(1));
  }

  /** Of the T tokens that go into the slots from cache_position on, the first P are virtual. */
  private Operand<TFloating> inFirstSlots(
      Splice.Part part, Operand<TFloating> vectors, Operand<TFloating> own, EmbeddingSite site) {
    Ops tf = part.tf();
    int rows = prompt.numVirtualTokens();
    Operand<TInt32> position = part.tensor(site.scope() + "cache_position", TInt32.class);
    Operand<TInt32> slots =
        tf.math.add(
            tf.range(tf.constant(0), TokenShapes.size(tf, own, 1), tf.constant(1)),
            position); // [T]
    Operand<TBool> virtual =
        tf.expandDims(tf.math.less(slots, tf.constant(rows)), tf.constant(-1)); // [T, 1]
    Operand<TFloating> spread =
        tf.gather(vectors, tf.math.minimum(slots, tf.constant(rows - 1)), tf.constant(0)); // [T, E]
    return tf.select(virtual, spread, own);
  }

  @Override
  public List<MergedWeight> merged(BaseGraph base) {
    throw new UnsupportedOperationException(
        "embeddings of virtual tokens are no change of weights");
  }
}
