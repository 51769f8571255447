package org.llmadapters.training.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llmadapters.adapters.LoraConfig;
import org.llmadapters.adapters.LoraInit;
import org.llmadapters.adapters.LoraPatterns;
import org.llmadapters.adapters.LoraVariant;
import org.llmadapters.adapters.TargetModules;
import org.llmadapters.adapters.TrainedBias;
import org.llmadapters.training.optimizer.FactorRates;
import picocli.CommandLine;

final class LoraFlagsTest {
  private static final TargetModules ALL = new TargetModules.AllLinear();

  private static LoraConfig config(String... flags) throws IOException {
    return CommandLine.populateCommand(new LoraFlags(), flags).toConfig(Path.of("unread"), false);
  }

  @Test
  void defaultsAreThoseOfLlmAdapters() throws IOException {
    assertThat(config("--target-modules", "q_proj,v_proj"))
        .isEqualTo(new LoraConfig(8, 16, 0.05, TargetModules.of("q_proj", "v_proj")));
  }

  @Test
  void everyFlagArrives() throws IOException {
    assertThat(
            config(
                "--r=4",
                "--lora-alpha=5.5",
                "--lora-dropout=0",
                "--use-rslora",
                "--use-dora",
                "--init-lora-weights=gaussian",
                "--bias=lora_only",
                "--modules-to-save=lm_head,embed_tokens",
                "--target-modules=q_proj",
                "--layers-to-transform=0,11",
                "--exclude-modules=.*\\.k_proj",
                "--rank-pattern=down_proj=2,layers.0.q_proj=6",
                "--alpha-pattern=q_proj=2.5"))
        .isEqualTo(
            new LoraConfig(
                4,
                5.5,
                true,
                0,
                TargetModules.restricted(
                    TargetModules.of("q_proj"),
                    List.of(0, 11),
                    List.of(),
                    Optional.of(new TargetModules.Regex(".*\\.k_proj"))),
                new LoraPatterns(
                    Map.of("down_proj", 2, "layers.0.q_proj", 6), Map.of("q_proj", 2.5)),
                new LoraVariant(
                    true,
                    LoraInit.of(LoraInit.Scheme.GAUSSIAN),
                    TrainedBias.ADAPTED,
                    List.of("lm_head", "embed_tokens"))));
    assertThat(config("--target-modules=all-linear").targetModules()).isEqualTo(ALL);
  }

  @Test
  void ratesAreEqualUnlessFlagsSayOtherwise() {
    assertThat(CommandLine.populateCommand(new LoraFlags()).rates()).isEqualTo(FactorRates.EQUAL);
    assertThat(
            CommandLine.populateCommand(new LoraFlags(), "--loraplus-lr-ratio=16", "--lora-fa")
                .rates())
        .isEqualTo(new FactorRates(16, true));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--rank-pattern=q_proj | --rank-pattern: got \"q_proj\", expected a name and a number such"
            + " as down_proj=2",
        "--rank-pattern=q_proj=1.5 | --rank-pattern: got \"q_proj=1.5\", expected a name and a"
            + " number such as down_proj=2",
        "--alpha-pattern=q_proj=-1 | alpha_pattern, q_proj must be in (0, 1e9), got -1.0",
        "--modules-to-save=lm_head, | modules_to_save must be a list of module names, got"
            + " [lm_head, ]",
        "--bias=adapter_only | bias must be none, lora_only or all, got \"adapter_only\"",
        "--init-lora-weights=corda | init_lora_weights must be true, false, gaussian, orthogonal,"
            + " pissa, pissa_niter_N with N up to 999, or olora, got corda",
        "--layers-to-transform=1- | --layers-to-transform is \"1-\", expected layers such as 0,1,5",
      })
  void refusesWhatItCannotRead(String flag, String message) {
    assertThatThrownBy(() -> config("--target-modules=q_proj", flag))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }
}
