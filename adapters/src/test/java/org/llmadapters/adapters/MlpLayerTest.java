package org.llmadapters.adapters;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class MlpLayerTest {
  @ParameterizedTest
  @CsvSource({
    "model.layers.11.mlp.gate_proj, READS",
    "model.layers.0.mlp.up_proj, READS",
    "model.layers.0.mlp.down_proj, WRITES",
    "model.layers.0.self_attn.o_proj, NONE",
    "model.decoder.layers.3.fc1, READS",
    "model.decoder.layers.3.fc2, WRITES",
    "transformer.h.2.mlp.fc_in, READS",
    "transformer.h.2.mlp.fc_out, WRITES",
    "transformer.h.2.mlp.c_proj, WRITES",
    "transformer.h.2.attn.c_proj, NONE",
    "transformer.h.2.mlp.dense_h_to_4h, READS",
    "gpt_neox.layers.2.mlp.dense_4h_to_h, WRITES",
    "lm_head, NONE",
    "vision.model.layers.0.mlp.up_proj, NONE"
  })
  void knowsTheProjectionsOfAllFamilies(String module, MlpLayer expected) {
    assertThat(MlpLayer.of(module)).isEqualTo(expected);
  }
}
