package org.llmadapters.adapters;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * P-tuning: prompt tuning whose P vectors are what an encoder makes of P trained ones e
 * [token_dim]; only its result is stored, as {@code prompt_embeddings} [P, token_dim]. With H =
 * encoder_hidden_size:
 *
 * <pre>
 *   MLP   W2 relu(W1 relu(W0 e + b0) + b1) + b2              W0 [H, token_dim], W1 [H, H], W2 [token_dim, H]
 *   LSTM  W1 relu(W0 lstm(e) + b0) + b1                      W0 [2H, 2H], W1 [token_dim, 2H]
 * </pre>
 *
 * where {@code lstm} runs over the P vectors in both directions, encoder_num_layers deep.
 *
 * <p>Source: Liu et al. 2021, arXiv:2103.10385; PEFT, {@code tuners/p_tuning/model.py}.
 *
 * @param prompt P and the model's sizes
 * @param encoder the encoder's kind
 * @param encoderHiddenSize H
 * @param encoderNumLayers of the LSTM
 * @param encoderDropout of the LSTM between its layers, while training
 */
public record PTuningConfig(
    PromptLearning prompt,
    Encoder encoder,
    int encoderHiddenSize,
    int encoderNumLayers,
    double encoderDropout)
    implements AdapterConfig {

  public PTuningConfig {
    PromptLearning.requirePositive("encoder_hidden_size", encoderHiddenSize, 1 << 17);
    PromptLearning.requirePositive("encoder_num_layers", encoderNumLayers, 64);
    if (!(encoderDropout >= 0 && encoderDropout < 1)) {
      throw new IllegalArgumentException(
          "encoder_dropout must be in [0, 1), got " + encoderDropout);
    }
  }

  /** {@code encoder_reparameterization_type}. */
  public enum Encoder {
    /** Three linear layers. */
    MLP,
    /** A bidirectional LSTM and two linear layers. */
    LSTM;

    /**
     * The one called {@code name}.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Encoder of(String name) {
      return Arrays.stream(values())
          .filter(value -> value.name().equals(name))
          .findFirst()
          .orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "encoder_reparameterization_type must be one of "
                          + Arrays.stream(values())
                              .map(Encoder::name)
                              .collect(Collectors.joining(", "))
                          + ", got \""
                          + name
                          + "\""));
    }
  }

  @Override
  public AdapterKind kind() {
    return AdapterKind.P_TUNING;
  }
}
