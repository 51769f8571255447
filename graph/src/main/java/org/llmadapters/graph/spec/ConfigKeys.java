package org.llmadapters.graph.spec;

import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.errorprone.annotations.Immutable;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How a family spells {@code config.json}: which of its keys stand for the common ones, what holds
 * where a key is absent, and which keys it has beyond the common ones.
 *
 * @param spellings the family's own key for a common one, e.g. {@code hidden_size -> n_embd}; the
 *     common one is understood as well, as by transformers
 * @param defaults what transformers takes where a key is absent
 * @param own keys beyond the common ones that change what is computed; another family's key is
 *     unknown to this one
 */
@Immutable
public record ConfigKeys(
    ImmutableMap<String, String> spellings, Defaults defaults, ImmutableSet<String> own) {

  /** Keys of a family. */
  public static ConfigKeys of(Map<String, String> spellings, Defaults defaults, String... own) {
    return new ConfigKeys(ImmutableMap.copyOf(spellings), defaults, ImmutableSet.copyOf(own));
  }

  /** The keys that the common one {@code key} may be written under, the family's own first. */
  public List<String> spellings(String key) {
    String spelling = spellings.get(key);
    return spelling == null ? List.of(key) : List.of(spelling, key);
  }

  /** Whether the family has the key beyond the common ones. */
  public boolean has(String key) {
    return own.contains(key);
  }

  /** All of {@code common} in all spellings, and the family's own. */
  public Set<String> all(Set<String> common) {
    return ImmutableSet.<String>builder()
        .addAll(common)
        .addAll(spellings.values())
        .addAll(own)
        .build();
  }

  /**
   * What holds where {@code config.json} says nothing.
   *
   * @param activation {@code hidden_act}
   * @param normEps {@code rms_norm_eps} or {@code layer_norm_eps}
   * @param biases which linear layers have one
   * @param residual how attention and MLP are joined
   * @param rotaryFraction part of a head that is turned: {@code partial_rotary_factor}
   * @param mlpRatio {@code intermediate_size / hidden_size}; 0 if the former must be written
   * @param tieWordEmbeddings {@code tie_word_embeddings}
   * @param bosTokenId {@code bos_token_id}
   * @param eosTokenId {@code eos_token_id}
   */
  @Immutable
  public record Defaults(
      Activation activation,
      double normEps,
      Biases biases,
      Residual residual,
      double rotaryFraction,
      int mlpRatio,
      boolean tieWordEmbeddings,
      int bosTokenId,
      int eosTokenId) {}
}
