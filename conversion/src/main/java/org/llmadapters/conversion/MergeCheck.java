package org.llmadapters.conversion;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.llmadapters.graph.FormatException;
import org.llmadapters.graph.Weight;
import org.llmadapters.graph.compile.LogitsFunction;
import org.llmadapters.graph.compile.ModelSession;
import org.llmadapters.graph.compile.SessionOptions;
import org.llmadapters.graph.config.WeightDtype;
import org.llmadapters.graph.device.Device;
import org.tensorflow.proto.GraphDef;

/**
 * Whether a merged model computes what the model with the adapter beside it does: both are loaded,
 * one after the other, and give the logits of the same random tokens.
 */
public final class MergeCheck {
  private static final int ROWS = 2;
  private static final int TOKENS = 8;

  private final int[][] ids;
  private final int[][] mask;

  /**
   * A check with random tokens, the same for every check of a vocabulary.
   *
   * @param vocabSize one more than the largest id
   */
  public MergeCheck(int vocabSize) {
    Random random = new Random(TOKENS);
    ids = new int[ROWS][TOKENS];
    mask = new int[ROWS][TOKENS];
    for (int row = 0; row < ROWS; row++) {
      Arrays.setAll(ids[row], column -> random.nextInt(vocabSize));
      Arrays.fill(mask[row], 1);
    }
  }

  /** Gives the variables of a session their values. */
  @FunctionalInterface
  public interface Loader {
    /** Loads all of them. */
    void load(ModelSession session) throws IOException;
  }

  /**
   * The logits of {@code graph}, whose values live only while they are computed.
   *
   * @param variables all of the graph's
   */
  public float[][][] logits(GraphDef graph, List<Weight> variables, Loader loader)
      throws IOException {
    try (ModelSession session = new ModelSession(SessionOptions.on(Device.CPU))) {
      session.declare(variables);
      loader.load(session);
      return new LogitsFunction(session, graph, "check").of(ids, mask);
    }
  }

  /**
   * Compares the logits.
   *
   * @param dtype of the merged weights, which are rounded once more by merging
   * @return the largest difference, relative to the largest logit
   * @throws FormatException if it is larger than that rounding explains
   */
  public static double compare(
      Path output, float[][][] merged, float[][][] unmerged, WeightDtype dtype) {
    double largest = 0;
    double difference = 0;
    for (int row = 0; row < unmerged.length; row++) {
      for (int token = 0; token < unmerged[row].length; token++) {
        for (int i = 0; i < unmerged[row][token].length; i++) {
          double expected = unmerged[row][token][i];
          double gap = Math.abs(merged[row][token][i] - expected);
          largest = Math.max(largest, Math.abs(expected));
          difference = Double.isNaN(gap) ? Double.POSITIVE_INFINITY : Math.max(difference, gap);
        }
      }
    }
    double relative = difference / largest;
    if (!(relative <= limit(dtype))) {
      throw new FormatException(
          output,
          "not written: the merged model's logits differ from those with the adapter beside it by"
              + " %.1e of the largest, expected at most %.0e in %s; use the adapter without merging"
              + " it, or merge in float32, or see for yourself with --no-check",
          relative,
          limit(dtype),
          dtype.hfName());
    }
    return relative;
  }

  /** A rounding of 2^-9, 2^-12 or 2^-25 of every weight, and room for the depth of a model. */
  private static double limit(WeightDtype dtype) {
    return switch (dtype) {
      case BFLOAT16 -> 1e-1;
      case FLOAT16 -> 2e-2;
      case FLOAT32 -> 1e-3;
      case UINT8 -> throw new IllegalArgumentException("codes are not merged");
    };
  }

  /** A line that tells what {@link #compare} found. */
  public static String describe(double difference) {
    return String.format(
        Locale.ROOT, "checked     logits differ by at most %.1e of the largest", difference);
  }
}
