package org.llmadapters.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.eval.Compile;
import org.llmadapters.eval.GenerationConfig;
import org.llmadapters.eval.Generator;

/** Generation with the cache against whole sequences. */
final class CachedDecoding {
  private CachedDecoding() {}

  /**
   * Asserts that each of the six tokens that {@code base} with {@code adapter} generates after each
   * prompt has the largest logit that the whole sequence before it gives.
   */
  static void check(BaseModel base, Path adapter, List<int[]> prompts) throws IOException {
    try (Generator generator = Generator.open(base, Optional.of(adapter), Compile.OFF)) {
      List<int[]> generated =
          generator.generate(prompts, new GenerationConfig(6, 2), answers -> {});
      for (int row = 0; row < prompts.size(); row++) {
        check(generator, prompts.get(row), generated.get(row));
      }
    }
  }

  private static void check(Generator generator, int[] prompt, int[] generated) {
    assertThat(generated).isNotEmpty();
    int[] sequence = Arrays.copyOf(prompt, prompt.length + generated.length);
    System.arraycopy(generated, 0, sequence, prompt.length, generated.length);
    int[] mask = new int[sequence.length];
    Arrays.fill(mask, 1);
    float[][] logits = generator.logits(new int[][] {sequence}, new int[][] {mask})[0];
    for (int i = 0; i < generated.length; i++) {
      float[] before = logits[prompt.length + i - 1];
      for (float logit : before) {
        assertThat(before[generated[i]])
            .as("token %d after %s", i, Arrays.toString(prompt))
            .isGreaterThanOrEqualTo(logit);
      }
    }
  }
}
