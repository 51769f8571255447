package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.conversion.hf.HfConfig;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.arch.Architecture;
import org.llmadapters.graph.config.WeightDtype;

/** Writes adapters with values that are far from zero. */
public final class TestAdapter {
  private TestAdapter() {}

  /** A LoRA of rank 3 for {@code targets} of a checkpoint. */
  public static Path write(Path directory, Path checkpoint, String... targets) throws IOException {
    LoraConfig config = new LoraConfig(3, 6, 0, TargetModules.of(targets));
    List<AdapterParameter> parameters =
        Splicer.splice(
                Architecture.build(HfConfig.read(checkpoint).model(), WeightDtype.FLOAT32)
                    .graphDef(),
                config,
                "test",
                Splicer.Mode.INFERENCE)
            .parameters();
    Random random = new Random(7);
    PeftAdapter.write(
        directory,
        config,
        checkpoint.toString(),
        parameters,
        parameter -> {
          float[] values = new float[Math.toIntExact(parameter.elements())];
          for (int i = 0; i < values.length; i++) {
            values[i] = (float) (0.2 * random.nextGaussian());
          }
          return values;
        });
    return directory;
  }
}
