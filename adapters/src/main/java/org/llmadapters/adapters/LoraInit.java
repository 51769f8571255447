package org.llmadapters.adapters;

import java.util.Arrays;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What LoRA's {@code A} [r, in] and {@code B} [out, r] start with: PEFT's {@code
 * init_lora_weights}. PiSSA and OLoRA take their values out of the base's weight, which is {@code W
 * - scaling * B A} while such an adapter is trained.
 *
 * @param scheme how the values are found
 * @param niter {@code pissa_niter_N}: the N power iterations after which PiSSA takes what a random
 *     subspace shows of the weight for its largest singular values; empty for an exact
 *     decomposition
 */
public record LoraInit(Scheme scheme, OptionalInt niter) {

  /** PEFT's default: {@code A} is uniform, {@code B} zero. */
  public static final LoraInit DEFAULT = new LoraInit(Scheme.KAIMING, OptionalInt.empty());

  private static final Pattern PISSA_NITER = Pattern.compile("pissa_niter_(\\d{1,3})");

  /** How the values are found. */
  public enum Scheme {
    /** {@code A} uniform in {@code (-1/sqrt(in), 1/sqrt(in))}, {@code B} zero. */
    KAIMING("true"),
    /** {@code A} as in {@link #KAIMING}, {@code B} uniform in {@code (-1/sqrt(r), 1/sqrt(r))}. */
    RANDOM("false"),
    /** {@code A} normal with a standard deviation of {@code 1/r}, {@code B} zero. */
    GAUSSIAN("gaussian"),
    /**
     * {@code A = (X Q_1)^T / 10} and {@code B = Y Q_2 / 10} with normal {@code X} [in, r/2] and
     * {@code Y} [out, r/2], where {@code Q_1} and {@code Q_2} are every other row of an orthogonal
     * matrix [r, r], so that {@code B A} is zero though neither is. The rank must be even.
     *
     * <p>Source: datta0.github.io/posts/rethink-lora-init.
     */
    ORTHOGONAL("orthogonal"),
    /**
     * The {@code r} largest singular values of the weight, {@code W = U S V^T}: {@code B = U_r
     * sqrt(S_r / scaling)} and {@code A = sqrt(S_r / scaling) V_r^T}.
     *
     * <p>Source: Meng et al. 2024, arXiv:2404.02948.
     */
    PISSA("pissa"),
    /**
     * The first {@code r} columns and rows of the weight's decomposition {@code W = Q R}: {@code B
     * = Q_r}, whose columns are orthonormal, and {@code A = R_r}.
     *
     * <p>Source: Büyükakyüz 2024, arXiv:2406.01775.
     */
    OLORA("olora");

    private final String fileName;

    Scheme(String fileName) {
      this.fileName = fileName;
    }
  }

  public LoraInit {
    if (niter.isPresent() && scheme != Scheme.PISSA) {
      throw new IllegalArgumentException("only pissa has power iterations, got " + scheme.fileName);
    }
  }

  /** A scheme without an option. */
  public static LoraInit of(Scheme scheme) {
    return new LoraInit(scheme, OptionalInt.empty());
  }

  /**
   * The one that PEFT calls {@code name}, in letters of any case.
   *
   * @throws IllegalArgumentException if it is none of these
   */
  public static LoraInit of(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    Matcher niter = PISSA_NITER.matcher(lower);
    if (niter.matches()) {
      return new LoraInit(Scheme.PISSA, OptionalInt.of(Integer.parseInt(niter.group(1))));
    }
    return Arrays.stream(Scheme.values())
        .filter(scheme -> scheme.fileName.equals(lower))
        .findFirst()
        .map(LoraInit::of)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "init_lora_weights must be true, false, gaussian, orthogonal, pissa,"
                        + " pissa_niter_N with N up to 999, or olora, got "
                        + name));
  }

  /** PEFT's name: {@code true}, {@code gaussian}, {@code pissa_niter_4}, ... */
  public String fileName() {
    return scheme.fileName + (niter.isPresent() ? "_niter_" + niter.getAsInt() : "");
  }

  /** Whether the values come out of the base's weight. */
  public boolean takesFromBase() {
    return scheme == Scheme.PISSA || scheme == Scheme.OLORA;
  }
}
