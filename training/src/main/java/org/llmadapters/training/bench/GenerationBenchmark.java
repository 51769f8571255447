package org.llmadapters.training.bench;

import java.util.List;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.block.BaseGraph;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SamplingConfig;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.compile.TokenDecoder;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.WeightDtype;

/** Greedy generation by a model with random weights, for measuring; caller closes. */
public final class GenerationBenchmark implements AutoCloseable {
  private final ModelSession session;
  private final TokenDecoder decoder;

  /**
   * A model of {@code config} that never ends a text by itself.
   *
   * @param xla whether XLA compiles
   * @param options what it computes on
   */
  public GenerationBenchmark(
      ModelConfig config, WeightDtype dtype, boolean xla, SessionOptions options) {
    BaseGraph base = Architecture.build(config, dtype);
    session = new ModelSession(options);
    session.declare(base.weights());
    RandomDeviceWeights.assign(session, base.weights(), 1);
    decoder =
        new TokenDecoder(
            session, base.graphDef(), config, dtype, List.of(), SamplingConfig.GREEDY, xla);
  }

  /** Bytes of weights that every token needs: all but the embedding, of which it takes a row. */
  static long bytesPerToken(ModelConfig config, WeightDtype dtype) {
    return Architecture.build(config, dtype).weights().stream()
        .filter(weight -> !weight.name().contains("embed_tokens"))
        .mapToLong(Weight::bytes)
        .sum();
  }

  /** What generates. */
  public TokenDecoder decoder() {
    return decoder;
  }

  @Override
  public void close() {
    decoder.close();
    session.close();
  }
}
