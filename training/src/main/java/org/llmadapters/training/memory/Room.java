package org.llmadapters.training.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.llmadapters.conversion.SizeText;
import org.llmadapters.graph.quantize.Quantization;

/** Whether a run fits into a device's memory, and what would. */
public final class Room {
  private final Estimator estimator;
  private final Choice asked;

  /**
   * What decides how much memory a run takes, and what can be changed about it.
   *
   * @param gradientCheckpointing whether blocks are computed again
   * @param microBatchSize rows per call
   * @param quantization of the base's linear layers
   */
  public record Choice(
      boolean gradientCheckpointing, int microBatchSize, Optional<Quantization> quantization) {

    /** The flags that make this of {@code asked}. */
    String changes(Choice asked) {
      List<String> flags = new ArrayList<>();
      if (gradientCheckpointing && !asked.gradientCheckpointing) {
        flags.add("--gradient-checkpointing");
      }
      if (microBatchSize != asked.microBatchSize) {
        flags.add("--micro-batch-size " + microBatchSize);
      }
      if (!quantization.equals(asked.quantization)) {
        quantization.ifPresent(to -> flags.add("a base converted with --dtype " + to.cliName()));
      }
      return String.join(" and ", flags);
    }
  }

  /** Estimates the memory of a choice. */
  @FunctionalInterface
  public interface Estimator {
    /** The memory that the run takes with {@code choice}. */
    MemoryEstimate of(Choice choice);
  }

  /**
   * Another way to run.
   *
   * @param changes what is to be done for it
   * @param estimate what it takes
   */
  public record Alternative(String changes, MemoryEstimate estimate) {}

  /**
   * A run.
   *
   * @param asked what it is asked to do
   */
  public Room(Choice asked, Estimator estimator) {
    this.asked = asked;
    this.estimator = estimator;
  }

  /**
   * Ways to run that need no more than {@code limit} bytes. Several changes at once are tried only
   * if no single one is enough, and then the first that are.
   *
   * @param quantizable whether the base may be stored in fewer bits
   */
  public List<Alternative> fitting(long limit, boolean quantizable) {
    List<Choice> single = new ArrayList<>();
    if (!asked.gradientCheckpointing) {
      single.add(new Choice(true, asked.microBatchSize, asked.quantization));
    }
    smaller().forEach(rows -> single.add(withRows(asked, rows)));
    List<Quantization> formats =
        quantizable && asked.quantization.isEmpty() ? List.of(Quantization.values()) : List.of();
    formats.forEach(to -> single.add(quantized(asked, to)));
    List<Alternative> found = fitting(single, limit);
    if (!found.isEmpty()) {
      return found;
    }
    Choice again = new Choice(true, asked.microBatchSize, asked.quantization);
    List<Choice> several = new ArrayList<>();
    smaller().forEach(rows -> several.add(withRows(again, rows)));
    formats.forEach(to -> several.add(quantized(again, to)));
    if (asked.microBatchSize > 1) {
      formats.forEach(to -> several.add(quantized(withRows(again, 1), to)));
    }
    return fitting(several, limit);
  }

  /** Of choices that differ in rows alone, the first that fits is the one. */
  private List<Alternative> fitting(List<Choice> choices, long limit) {
    List<Alternative> found = new ArrayList<>();
    boolean fewerRows = false;
    for (Choice choice : choices) {
      boolean rowsAlone =
          choice.microBatchSize != asked.microBatchSize
              && choice.quantization.equals(asked.quantization);
      if (rowsAlone && fewerRows) {
        continue;
      }
      MemoryEstimate estimate = estimator.of(choice);
      if (estimate.total() <= limit) {
        found.add(new Alternative(choice.changes(asked), estimate));
        fewerRows |= rowsAlone;
      }
    }
    return found;
  }

  /** Half as many rows, a quarter ... one. */
  private List<Integer> smaller() {
    List<Integer> rows = new ArrayList<>();
    for (int half = asked.microBatchSize / 2; half >= 1; half /= 2) {
      if (asked.microBatchSize % half == 0) {
        rows.add(half);
      }
    }
    return rows;
  }

  private static Choice withRows(Choice choice, int rows) {
    return new Choice(choice.gradientCheckpointing, rows, choice.quantization);
  }

  private static Choice quantized(Choice choice, Quantization to) {
    return new Choice(choice.gradientCheckpointing, choice.microBatchSize, Optional.of(to));
  }

  /** The advice of {@code alternatives}, one a line. */
  public static String advice(List<Alternative> alternatives) {
    return alternatives.isEmpty()
        ? "neither --gradient-checkpointing, fewer rows nor a base in int8 or nf4 would make it fit;"
            + " try a smaller --cutoff-len, fewer --target-modules or a smaller model"
        : "these would fit:\n  "
            + alternatives.stream()
                .map(way -> way.changes() + ": " + SizeText.bytes(way.estimate().total()))
                .collect(Collectors.joining("\n  "));
  }
}
