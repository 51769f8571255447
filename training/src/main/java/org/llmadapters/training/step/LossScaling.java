package org.llmadapters.training.step;

import java.util.Locale;
import org.llmadapters.graph.config.WeightDtype;

/**
 * By what the loss is multiplied before it is differentiated. Gradients in float16 below 6e-8 are 0
 * and above 65504 infinite; those of a scaled loss fit better, and are divided by the scale in
 * float32. What is scaled is the mean loss of the rows that one replica computes.
 *
 * <p>Source: Micikevicius et al. 2018, "Mixed Precision Training", arXiv:1710.03740; {@code
 * torch.amp.GradScaler}.
 *
 * @param kind how the scale is found
 * @param scale a constant one, or where a dynamic one starts; else 1
 */
public record LossScaling(Kind kind, double scale) {
  /** No scaling. */
  public static final LossScaling OFF = new LossScaling(Kind.OFF, 1);

  /** Dynamic for a model that computes in float16, else none. */
  public static final LossScaling AUTO = new LossScaling(Kind.AUTO, 1);

  /** As {@code GradScaler} does it. */
  public static final LossScaling DYNAMIC = new LossScaling(Kind.DYNAMIC, 65536);

  /** How the scale is found. */
  public enum Kind {
    /** By the dtype of the model. */
    AUTO,
    /** There is none. */
    OFF,
    /**
     * Halved when gradients overflow, and the step is left out; doubled after 2000 steps in a row
     * without that.
     */
    DYNAMIC,
    /** It stays as it is. */
    CONSTANT
  }

  public LossScaling {
    if (!(scale >= 1 && scale <= 0x1p60)) {
      throw new IllegalArgumentException("a loss scale must be in [1, 2^60], got " + scale);
    }
  }

  /**
   * Reads {@code auto}, {@code dynamic}, {@code off} or a number.
   *
   * @throws IllegalArgumentException if it is none of them
   */
  public static LossScaling of(String text) {
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "auto" -> AUTO;
      case "dynamic" -> DYNAMIC;
      case "off" -> OFF;
      default -> new LossScaling(Kind.CONSTANT, number(text));
    };
  }

  private static double number(String text) {
    try {
      double number = Double.parseDouble(text);
      if (number >= 1 && number <= 0x1p60) {
        return number;
      }
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(expected(text), e);
    }
    throw new IllegalArgumentException(expected(text));
  }

  private static String expected(String text) {
    return "--loss-scale must be auto, dynamic, off or a number from 1 to 2^60, got " + text;
  }

  /** What {@code AUTO} is for a model that computes in {@code dtype}; all else is itself. */
  public LossScaling resolved(WeightDtype dtype) {
    if (kind != Kind.AUTO) {
      return this;
    }
    return dtype == WeightDtype.FLOAT16 ? DYNAMIC : OFF;
  }
}
