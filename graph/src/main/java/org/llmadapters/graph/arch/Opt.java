package org.llmadapters.graph.arch;

import com.google.common.collect.ImmutableSet;
import java.util.Map;
import org.llmadapters.graph.spec.Activation;
import org.llmadapters.graph.spec.Biases;
import org.llmadapters.graph.spec.BlockSpec;
import org.llmadapters.graph.spec.ConfigKeys;
import org.llmadapters.graph.spec.ModuleNames;
import org.llmadapters.graph.spec.Norm;
import org.llmadapters.graph.spec.PositionEncoding;
import org.llmadapters.graph.spec.Projections;
import org.llmadapters.graph.spec.Residual;
import org.llmadapters.graph.spec.WeightLayout;

/**
 * OPT: learned positions, of which the first is row 2; LayerNorm before attention and MLP or, if
 * {@code do_layer_norm_before} is false, after them; ReLU; biases everywhere; tied embeddings,
 * which may be narrower than the hidden states ({@code word_embed_proj_dim}).
 *
 * <p>Source: Zhang et al. 2022, arXiv:2205.01068; transformers, {@code modeling_opt.py}.
 */
final class Opt {

  static final Family FAMILY =
      new Family(
          "opt",
          "OPTForCausalLM",
          new BlockSpec(
              Norm.LAYER_NORM,
              PositionEncoding.LEARNED,
              new BlockSpec.Attention(Projections.SEPARATE, true),
              new BlockSpec.Embedding(false, 2),
              WeightLayout.OUT_IN,
              false,
              new ModuleNames(
                  new ModuleNames.Model(
                      "model.decoder.embed_tokens",
                      "model.decoder.embed_positions",
                      null,
                      "model.decoder.layers",
                      "model.decoder.final_layer_norm",
                      "lm_head",
                      "model.decoder.project_in",
                      "model.decoder.project_out"),
                  new ModuleNames.Block(
                      "self_attn_layer_norm", "self_attn", "final_layer_norm", ""),
                  ModuleNames.Attention.separate("q_proj", "k_proj", "v_proj", "out_proj"),
                  new ModuleNames.Mlp(null, "fc1", "fc2"))),
          ConfigKeys.of(
              Map.ofEntries(
                  Map.entry("intermediate_size", "ffn_dim"),
                  Map.entry("hidden_act", "activation_function")),
              new ConfigKeys.Defaults(
                  Activation.RELU, 1e-5, Biases.ALL, Residual.SEQUENTIAL, 1, 0, true, 2, 2),
              "word_embed_proj_dim",
              "do_layer_norm_before",
              "enable_bias",
              "layer_norm_elementwise_affine",
              "_remove_final_layer_norm"),
          ImmutableSet.of());

  private Opt() {}
}
