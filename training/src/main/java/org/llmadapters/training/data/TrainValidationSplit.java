package org.llmadapters.training.data;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Examples kept apart from training to measure the loss on; both parts stay in the file's order.
 *
 * @param training all that are not for validation, one or more
 * @param validation {@code val_set_size} examples drawn at random
 */
public record TrainValidationSplit(List<Example> training, List<Example> validation) {

  public TrainValidationSplit {
    training = List.copyOf(training);
    validation = List.copyOf(validation);
  }

  /**
   * Draws {@code valSetSize} of {@code examples}; the same ones for the same seed.
   *
   * @param valSetSize {@code val_set_size}, 0 for none
   * @throws IllegalArgumentException if nothing would be left to train on
   */
  public static TrainValidationSplit of(List<Example> examples, int valSetSize, long seed) {
    if (valSetSize < 0 || valSetSize >= examples.size()) {
      throw new IllegalArgumentException(
          "val_set_size must be between 0 and "
              + (examples.size() - 1)
              + ", one less than there are examples, got "
              + valSetSize);
    }
    SplittableRandom random = new SplittableRandom(seed);
    List<Example> training = new ArrayList<>();
    List<Example> validation = new ArrayList<>();
    for (int i = 0; i < examples.size(); i++) {
      int wanted = valSetSize - validation.size();
      boolean drawn = random.nextInt(examples.size() - i) < wanted;
      (drawn ? validation : training).add(examples.get(i));
    }
    return new TrainValidationSplit(training, validation);
  }
}
