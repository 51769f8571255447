package org.llmadapters.conversion;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.llmadapters.adapters.AdapterConfig;
import org.llmadapters.adapters.AdapterKind;
import org.llmadapters.adapters.BottleneckConfig;
import org.llmadapters.adapters.Ia3Config;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.PTuningConfig;
import org.llmadapters.adapters.PrefixConfig;
import org.llmadapters.adapters.PromptConfig;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.graph.config.AttentionConfig;
import org.llmadapters.graph.config.ModelConfig;
import org.llmadapters.graph.config.Sizes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code inspect}: what a model is made of, and whether an adapter fits it. */
@Command(
    name = "inspect",
    description = {
      "Show a model's sizes, parameters and the modules that --target-modules accepts;",
      "with --adapter also what the adapter is and whether it fits."
    },
    sortOptions = false,
    usageHelpWidth = 100,
    footer = {
      "",
      "Examples:",
      "  llm-adapters inspect --model llama-7b",
      "  llm-adapters inspect --model llama-7b --adapter math"
    })
@SuppressWarnings("NullAway.Init") // picocli fills the fields
public final class InspectCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "DIR",
      description = "Base SavedModel, or a Hugging Face checkpoint.")
  private Path model;

  @Option(
      names = "--adapter",
      paramLabel = "DIR",
      description = "Adapter directory in PEFT's format.")
  private @Nullable Path adapter;

  @Override
  public Integer call() throws IOException {
    Inspection inspection = Inspection.of(model, adapter);
    PrintWriter out = spec.commandLine().getOut();
    printModel(out, inspection);
    printTargets(out, inspection);
    inspection.adapter().ifPresent(found -> printAdapter(out, found, inspection.parameters()));
    out.flush();
    return 0;
  }

  private void printModel(PrintWriter out, Inspection inspection) {
    ModelConfig config = inspection.config();
    Sizes sizes = config.sizes();
    AttentionConfig attention = config.attention();
    line(out, "model", model + " (" + inspection.kind().description() + ")");
    line(out, "model_type", config.modelType());
    line(out, "dtype", inspection.format().describe());
    line(out, "vocab_size", sizes.vocabSize());
    line(out, "hidden_size", sizes.hiddenSize());
    line(out, "intermediate_size", sizes.intermediateSize());
    line(out, "num_hidden_layers", sizes.numHiddenLayers());
    line(out, "num_attention_heads", attention.numAttentionHeads());
    line(out, "num_key_value_heads", attention.numKeyValueHeads());
    line(out, "head_dim", attention.headDim());
    line(out, "max_position_embeddings", sizes.maxPositionEmbeddings());
    line(out, "tie_word_embeddings", config.tieWordEmbeddings());
    line(
        out,
        "tokenizer",
        inspection
            .tokenizer()
            .map(tokenizer -> tokenizer.file() + ", " + tokenizer.vocabSize() + " tokens")
            .orElse("none"));
    line(out, "parameters", SizeText.count(inspection.parameters()));
    for (Map.Entry<String, Long> group : inspection.groups().entrySet()) {
      line(out, "  " + group.getKey(), SizeText.count(group.getValue()));
    }
  }

  private static void printTargets(PrintWriter out, Inspection inspection) {
    out.println();
    out.println("names for --target-modules (or a regular expression for the whole path):");
    for (Inspection.Target target : inspection.targets()) {
      out.printf(
          Locale.ROOT,
          "  %-16s %6d -> %6d  x %d%s%n",
          target.name(),
          target.inFeatures(),
          target.outFeatures(),
          target.count(),
          target.embedding() ? "  (embedding, for lora alone)" : "");
    }
  }

  private void printAdapter(
      PrintWriter out, Inspection.InspectedAdapter found, long modelParameters) {
    out.println();
    line(out, "adapter", adapter + " (fits the model)");
    printOptions(out, found.config());
    line(out, "adapted modules", found.modules().size());
    double share = 100.0 * found.parameters() / (modelParameters + found.parameters());
    line(
        out,
        "trainable parameters",
        String.format(
            Locale.ROOT, "%s, %.4f %% of all", SizeText.count(found.parameters()), share));
  }

  private static void printOptions(PrintWriter out, AdapterConfig config) {
    line(out, "kind", config.kind().cliName());
    switch (config.kind()) {
      case LORA -> {
        LoraConfig lora = (LoraConfig) config;
        line(out, "r", lora.r());
        line(out, "lora_alpha", lora.loraAlpha());
        line(out, "lora_dropout", lora.loraDropout());
        if (lora.useRslora()) {
          line(out, "use_rslora", true);
        }
        if (lora.useDora()) {
          line(out, "use_dora", true);
        }
        printBias(out, lora.variant().bias(), lora.kind());
        if (!lora.variant().modulesToSave().isEmpty()) {
          line(out, "modules_to_save", String.join(", ", lora.variant().modulesToSave()));
        }
        if (!lora.patterns().equals(LoraPatterns.NONE)) {
          line(out, "rank_pattern", lora.patterns().rank());
          line(out, "alpha_pattern", lora.patterns().alpha());
        }
        line(out, "target_modules", text(lora.targetModules()));
      }
      case SERIES, PARALLEL -> {
        BottleneckConfig bottleneck = (BottleneckConfig) config;
        line(out, "bottleneck_size", bottleneck.bottleneckSize());
        line(out, "non_linearity", bottleneck.nonLinearity().hfName());
        line(out, "adapter_dropout", bottleneck.adapterDropout());
        OptionalDouble scaling = bottleneck.scaling();
        line(out, "scaling", scaling.isPresent() ? scaling.getAsDouble() : "learned");
        printBias(out, bottleneck.variant().bias(), bottleneck.kind());
        line(out, "target_modules", text(bottleneck.targetModules()));
      }
      case IA3 -> {
        Ia3Config ia3 = (Ia3Config) config;
        line(out, "target_modules", text(ia3.targetModules()));
        ia3.feedforwardModules()
            .ifPresent(modules -> line(out, "feedforward_modules", text(modules)));
      }
      case PREFIX -> {
        PrefixConfig prefix = (PrefixConfig) config;
        line(out, "num_virtual_tokens", prefix.prompt().numVirtualTokens());
        prefix
            .encoderHiddenSize()
            .ifPresent(size -> line(out, "prefix_projection, encoder_hidden_size", size));
      }
      case PROMPT -> {
        PromptConfig prompt = (PromptConfig) config;
        line(out, "num_virtual_tokens", prompt.prompt().numVirtualTokens());
        prompt.initText().ifPresent(text -> line(out, "prompt_tuning_init_text", text));
      }
      case P_TUNING -> {
        PTuningConfig prompt = (PTuningConfig) config;
        line(out, "num_virtual_tokens", prompt.prompt().numVirtualTokens());
        line(out, "encoder_reparameterization_type", prompt.encoder());
        line(out, "encoder_hidden_size", prompt.encoderHiddenSize());
      }
    }
  }

  private static void printBias(PrintWriter out, TrainedBias bias, AdapterKind kind) {
    if (bias != TrainedBias.NONE) {
      line(out, "bias", bias.fileName(kind));
    }
  }

  private static String text(TargetModules targets) {
    if (targets instanceof TargetModules.Names names) {
      return String.join(", ", names.names());
    }
    if (targets instanceof TargetModules.Regex regex) {
      return regex.regex();
    }
    if (targets instanceof TargetModules.InLayers some) {
      return text(some.targets()) + " in layers " + some.layers();
    }
    if (targets instanceof TargetModules.Except except) {
      return text(except.targets()) + " except " + text(except.excluded());
    }
    return TargetModules.AllLinear.NAME;
  }

  private static void line(PrintWriter out, String name, Object value) {
    out.printf(Locale.ROOT, "%-42s %s%n", name, value);
  }
}
