package org.llmadapters.training.sample;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.CRC32;

/**
 * The numbers of one problem: an amount, and what is added to it or taken from it.
 *
 * @param a the first amount
 * @param steps one or two changes
 */
record Numbers(int a, List<Step> steps) {
  private static final int LARGEST_AMOUNT = 40;
  private static final int LARGEST_CHANGE = 20;

  /** Of so many number triples one is for tests. */
  private static final int TEST_SHARE = 8;

  /** {@code number} is added if {@code gain}, else taken away. */
  record Step(boolean gain, int number) {
    int after(int amount) {
      return gain ? amount + number : amount - number;
    }

    String equation(int amount) {
      return "%d %s %d = %d.".formatted(amount, gain ? "+" : "-", number, after(amount));
    }
  }

  int b() {
    return steps.get(0).number();
  }

  int c() {
    return steps.get(1).number();
  }

  int answer() {
    int amount = a;
    for (Step step : steps) {
      amount = step.after(amount);
    }
    return amount;
  }

  /** One equation per step: {@code 7 + 5 = 12. 12 - 4 = 8.} */
  String equations() {
    String first = steps.get(0).equation(a);
    return steps.size() == 1 ? first : first + " " + steps.get(1).equation(steps.get(0).after(a));
  }

  /** Amounts 0..40, change 0..20. */
  static Numbers ofDrill(Random random, boolean gain) {
    return draw(random, 0, LARGEST_AMOUNT, gain).filter(Numbers::fits).findFirst().orElseThrow();
  }

  /** Amounts 2..40, change 2..20, answer 0..40. */
  static Numbers ofOneStep(Random random, boolean gain) {
    return draw(random, 2, LARGEST_AMOUNT, gain).filter(Numbers::fits).findFirst().orElseThrow();
  }

  /**
   * All three numbers 2..20, the amount between 2..40, the answer 0..40 and not to be had by one
   * equation; the triple is one for tests if {@code test}, else one for training.
   */
  static Numbers ofTwoSteps(Random random, boolean firstGain, boolean secondGain, boolean test) {
    return draw(random, 2, LARGEST_CHANGE, firstGain, secondGain)
        .filter(Numbers::fits)
        .filter(numbers -> numbers.steps.get(0).after(numbers.a) >= 2)
        .filter(numbers -> !numbers.oneEquationGivesTheAnswer())
        .filter(numbers -> numbers.isForTests() == test)
        .findFirst()
        .orElseThrow();
  }

  private static Stream<Numbers> draw(
      Random random, int smallest, int largestAmount, boolean... gains) {
    return Stream.generate(
        () -> {
          int a = between(random, smallest, largestAmount);
          Step first = new Step(gains[0], between(random, smallest, LARGEST_CHANGE));
          return gains.length == 1
              ? new Numbers(a, List.of(first))
              : new Numbers(
                  a, List.of(first, new Step(gains[1], between(random, smallest, LARGEST_CHANGE))));
        });
  }

  /** A number drawn from {@code smallest..largest}. */
  static int between(Random random, int smallest, int largest) {
    return smallest + random.nextInt(largest - smallest + 1);
  }

  private boolean fits() {
    int amount = a;
    boolean fits = true;
    for (Step step : steps) {
      amount = step.after(amount);
      fits &= amount >= 0 && amount <= LARGEST_AMOUNT;
    }
    return fits;
  }

  private boolean oneEquationGivesTheAnswer() {
    int answer = answer();
    return List.of(a, b(), c()).contains(answer)
        || isSumOrDifference(answer, a, b())
        || isSumOrDifference(answer, a, c())
        || isSumOrDifference(answer, b(), c());
  }

  private static boolean isSumOrDifference(int answer, int left, int right) {
    return answer == left + right || answer == Math.abs(left - right);
  }

  private boolean isForTests() {
    return isOneOf(TEST_SHARE, a + "," + b() + "," + c());
  }

  /** Whether {@code text} belongs to the fixed {@code 1 / share} of all texts kept for tests. */
  static boolean isOneOf(int share, String text) {
    CRC32 crc = new CRC32();
    crc.update(text.getBytes(StandardCharsets.UTF_8));
    return crc.getValue() % share == 0;
  }
}
