package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.Converter;
import org.llmadapters.conversion.WeightFormat;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.quantize.Quantization;

/** Base models whose blocks' weights are stored in 8 or 4 bits. */
final class QuantizedBaseTest {
  private static final int[][] IDS = {{3, 16, 2, 7, 7}, {11, 2, 9, 0, 0}};
  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 0, 0}};

  @TempDir static Path shared;

  private static Path checkpoint(Architecture family) throws IOException {
    Path checkpoint = shared.resolve("checkpoint-" + family);
    if (!Files.exists(checkpoint)) {
      TinyCheckpoint.write(checkpoint, ContractFamilies.config(family), WeightDtype.BFLOAT16);
    }
    return checkpoint;
  }

  private static BaseModel base(Architecture family, WeightFormat format) throws IOException {
    Path base = shared.resolve("base-" + family + "-" + format.describe());
    if (!Files.exists(base)) {
      Converter.convert(checkpoint(family), base, format, false);
    }
    return BaseModel.open(base);
  }

  @ParameterizedTest
  @EnumSource(Quantization.class)
  void runs(Quantization quantization) throws IOException {
    BaseModel plain = base(Architecture.LLAMA, WeightFormat.of(WeightDtype.BFLOAT16));
    BaseModel base = base(Architecture.LLAMA, WeightFormat.of(quantization));
    assertThat(base.format()).isEqualTo(WeightFormat.of(quantization));
    assertThat(base.parameters()).isEqualTo(plain.parameters());
    float[] expected = Forward.logits(plain, IDS, MASK);
    float[] found = Forward.logits(base, IDS, MASK);
    Golden.assertCloseAtTokens("logits", found, expected, MASK, 0.01);
  }
}
