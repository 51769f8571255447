package org.llmadapters.eval;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.function.Function;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterParameter;
import org.llmadapters.adapters.BottleneckConfig;
import org.llmadapters.adapters.BottleneckVariant;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.PromptConfig;
import org.llmadapters.adapters.PromptLearning;
import org.llmadapters.adapters.Splicer;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.conversion.BaseModel;
import org.llmadapters.conversion.peft.PeftAdapter;
import org.llmadapters.graph.spec.Activation;

/** Adapters for {@link NumberModel}, written as PEFT directories. */
final class AdapterFiles {
  /** Its linear layers, but for the last. */
  static final TargetModules LAYERS =
      TargetModules.of("v_proj", "o_proj", "gate_proj", "up_proj", "down_proj");

  private AdapterFiles() {}

  static LoraConfig lora(int r, double loraAlpha) {
    return new LoraConfig(r, loraAlpha, 0, LAYERS);
  }

  /** Before {@code gate_proj} and behind {@code down_proj}. */
  static BottleneckConfig series() {
    return new BottleneckConfig(
        3,
        Activation.TANH,
        0,
        OptionalDouble.of(2),
        new BottleneckVariant(BottleneckConfig.InitWeights.BERT, TrainedBias.NONE),
        BottleneckConfig.Placement.ADAPTER_H,
        TargetModules.of("gate_proj", "down_proj"));
  }

  /** Three virtual tokens. */
  static PromptConfig prompt() {
    return new PromptConfig(new PromptLearning(3, 1, 16, 2), Optional.empty());
  }

  /** Writes an adapter whose values are drawn from {@code seed}. */
  static Path random(Path directory, BaseModel base, AdapterConfig config, int seed)
      throws IOException {
    Random random = new Random(seed);
    return write(
        directory,
        base,
        config,
        parameter -> {
          float[] values = new float[Math.toIntExact(parameter.elements())];
          for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() / 2;
          }
          return values;
        });
  }

  static Path write(
      Path directory,
      BaseModel base,
      AdapterConfig config,
      Function<AdapterParameter, float[]> values)
      throws IOException {
    List<AdapterParameter> parameters =
        Splicer.splice(base.graph().graphDef(), config, "written", Splicer.Mode.INFERENCE)
            .parameters();
    PeftAdapter.write(directory, config, "numbers", parameters, values);
    return directory;
  }
}
