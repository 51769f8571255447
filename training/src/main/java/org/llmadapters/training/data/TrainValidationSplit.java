package org.llmadapters.training.data;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Examples kept apart from training to measure the loss on; both parts stay in the file's order.
 *
 * @param training all that are not for validation, one or more
 * @param sizes how many of these are of each file, one file after the other
 * @param validation {@code val_set_size} examples drawn at random
 */
public record TrainValidationSplit(
    List<Example> training, List<Integer> sizes, List<Example> validation) {

  public TrainValidationSplit {
    training = List.copyOf(training);
    sizes = List.copyOf(sizes);
    validation = List.copyOf(validation);
  }

  /**
   * Draws {@code valSetSize} of the examples of all {@code files}; the same ones for the same seed.
   *
   * @param valSetSize {@code val_set_size}, 0 for none
   * @throws IllegalArgumentException if nothing would be left to train on
   */
  public static TrainValidationSplit of(List<List<Example>> files, int valSetSize, long seed) {
    int examples = files.stream().mapToInt(List::size).sum();
    if (valSetSize < 0 || valSetSize >= examples) {
      throw new IllegalArgumentException(
          "val_set_size must be between 0 and "
              + (examples - 1)
              + ", one less than there are examples, got "
              + valSetSize);
    }
    SplittableRandom random = new SplittableRandom(seed);
    List<Example> training = new ArrayList<>();
    List<Integer> sizes = new ArrayList<>();
    List<Example> validation = new ArrayList<>();
    int seen = 0;
    for (List<Example> file : files) {
      int before = training.size();
      for (Example example : file) {
        int wanted = valSetSize - validation.size();
        boolean drawn = random.nextInt(examples - seen) < wanted;
        (drawn ? validation : training).add(example);
        seen++;
      }
      sizes.add(training.size() - before);
    }
    return new TrainValidationSplit(training, sizes, validation);
  }
}
