package org.llmadapters.training.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class WordProblemsTest {
  private static final Pattern NUMBER = Pattern.compile("\\d+");
  private static final Pattern EQUATION = Pattern.compile("(\\d+) ([+-]) (\\d+) = (\\d+)\\.");

  private final WordProblems problems = new WordProblems(7);

  @Test
  void aSeedPinsEveryWord() {
    assertThat(problems.pretraining(2))
        .containsExactly(
            new Problem(
                "Amy owns 2 toys and buys 4 more. Amy is at the fair with Omar."
                    + " How many toys does she have in the end?",
                "2 + 4 = 6. The answer is 6.",
                "6"),
            new Problem(
                "It is a sunny day. Lily owns 11 pens and then picks up 10 pens at the school."
                    + " How many pens does Lily have now?",
                "11 + 10 = 21. The answer is 21.",
                "21"));
    assertThat(problems.twoStepTraining(1))
        .containsExactly(
            new Problem(
                "The sack holds 7 tickets. Anna takes 2 from the sack. Anna takes out 5 tickets."
                    + " How many tickets are in the sack now?",
                "7 - 2 = 5. 5 - 5 = 0. The answer is 0.",
                "0"));
    assertThat(problems.twoStepTest(1).get(0).instruction())
        .isEqualTo(
            "The bowl holds 16 oranges and the box holds 19. Then Adam takes 9 of them."
                + " How many oranges are there now?");
  }

  @Test
  void theSameSeedGivesTheSameProblemsAndAnotherSeedOthers() {
    assertThat(problems.pretraining(500)).containsExactlyElementsOf(pretraining(7, 500));
    assertThat(problems.twoStepTraining(50))
        .isEqualTo(new WordProblems(7).twoStepTraining(50))
        .isNotEqualTo(new WordProblems(8).twoStepTraining(50));
    assertThat(pretraining(7, 20)).isNotEqualTo(pretraining(8, 20));
  }

  @Test
  void oneStepProblemsHaveOneTrueEquationAndTwoStepProblemsTwoThatChain() {
    for (Problem problem : pretraining(7, 5_000)) {
      assertThat(amounts(problem)).as("%s", problem).hasSize(2);
    }
    for (Problem problem : problems.twoStepTraining(2_000)) {
      assertThat(amounts(problem)).as("%s", problem).hasSize(3);
    }
  }

  @Test
  void theNumbersOfTheEquationsStandInTheQuestionInTheirOrder() {
    for (Problem problem : problems.twoStepTraining(2_000)) {
      List<Integer> operands =
          EQUATION.matcher(problem.output()).results().map(m -> number(m, 3)).toList();
      List<Integer> asked = numbers(problem.instruction());
      assertThat(asked).as("%s", problem).hasSize(3);
      assertThat(asked.get(0)).isEqualTo(amounts(problem).get(0));
      assertThat(asked.subList(1, 3)).isEqualTo(operands);
    }
    for (Problem problem : pretraining(7, 5_000)) {
      List<Integer> asked = numbers(problem.instruction());
      assertThat(asked).as("%s", problem).hasSizeBetween(2, 3);
      assertThat(asked).contains(amounts(problem).get(0));
    }
  }

  @Test
  void noSingleEquationSolvesATwoStepProblem() {
    List<Problem> all = new ArrayList<>(problems.twoStepTraining(2_000));
    all.addAll(problems.twoStepTest(200));
    for (Problem problem : all) {
      List<Integer> asked = numbers(problem.instruction());
      Set<Integer> reachable = new HashSet<>(asked);
      for (int left : asked) {
        for (int right : asked) {
          if (left != right) {
            reachable.addAll(List.of(left + right, left - right));
          }
        }
      }
      assertThat(reachable).as("%s", problem).doesNotContain(Integer.parseInt(problem.answer()));
    }
  }

  @Test
  void amountsLieIn0To40AndChangesIn0To20() {
    List<Problem> all = new ArrayList<>(pretraining(7, 20_000));
    all.addAll(problems.twoStepTraining(2_000));
    Set<Integer> amounts = new TreeSet<>();
    Set<Integer> changes = new TreeSet<>();
    for (Problem problem : all) {
      amounts.addAll(amounts(problem));
      EQUATION.matcher(problem.output()).results().forEach(m -> changes.add(number(m, 3)));
    }
    assertThat(amounts).hasSize(41).allMatch(amount -> amount >= 0 && amount <= 40);
    assertThat(changes).hasSize(21).allMatch(change -> change >= 0 && change <= 20);
  }

  @Test
  void testTriplesNeverOccurInTrainingWhateverTheSeed() {
    Set<List<Integer>> training = new HashSet<>();
    problems.twoStepTraining(5_000).forEach(p -> training.add(numbers(p.instruction())));
    List<Problem> test = new WordProblems(8).twoStepTest(500);
    assertThat(test).hasSize(500).doesNotHaveDuplicates();
    assertThat(test).noneMatch(p -> training.contains(numbers(p.instruction())));
    assertThat(training.size()).isGreaterThan(1_500);
  }

  @Test
  void oneStepTestQuestionsNeverOccurInPretraining() {
    Set<String> asked =
        pretraining(7, 50_000).stream().map(Problem::instruction).collect(Collectors.toSet());
    List<Problem> test = problems.oneStepTest(1_000);
    assertThat(test).hasSize(1_000).doesNotHaveDuplicates();
    assertThat(test).noneMatch(p -> asked.contains(p.instruction()));
    assertThat(test).noneMatch(p -> p.instruction().startsWith("What is "));
  }

  @Test
  void twoStepProblemsUseNoWordThatPretrainingLacks() {
    Set<String> known = new HashSet<>();
    pretraining(7, 5_000).forEach(p -> known.addAll(Wording.wordsOf(p.instruction())));
    problems
        .twoStepTraining(2_000)
        .forEach(p -> assertThat(known).containsAll(Wording.wordsOf(p.instruction())));
    assertThat(known).doesNotContain("N", "M", "he}");
  }

  @Test
  void leavesNoPlaceInASentenceOpen() {
    List<Problem> all = new ArrayList<>(pretraining(7, 5_000));
    all.addAll(problems.twoStepTraining(2_000));
    assertThat(all).allMatch(p -> p.instruction().matches("[A-Z][A-Za-z0-9 .?+-]*[?.]"));
    assertThat(all).noneMatch(p -> p.instruction().contains("  "));
    assertThat(all).noneMatch(p -> p.instruction().matches(".*[.?] [a-z].*"));
  }

  @Test
  void refusesAnOutputWithoutTheAnswer() {
    assertThatThrownBy(() -> new Problem("What is 1 + 2?", "1 + 2 = 3.", "3"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("output must end with \"The answer is 3.\", got \"1 + 2 = 3.\"");
  }

  private static List<Problem> pretraining(long seed, int count) {
    return new WordProblems(seed).pretraining(count).toList();
  }

  /** The first amount and the result of each equation; checks that each is true and follows. */
  private static List<Integer> amounts(Problem problem) {
    List<MatchResult> equations = EQUATION.matcher(problem.output()).results().toList();
    List<Integer> amounts = new ArrayList<>(List.of(number(equations.get(0), 1)));
    StringBuilder output = new StringBuilder();
    for (MatchResult equation : equations) {
      int left = number(equation, 1);
      int right = number(equation, 3);
      assertThat(left).isEqualTo(amounts.get(amounts.size() - 1));
      assertThat(number(equation, 4))
          .isEqualTo(equation.group(2).equals("+") ? left + right : left - right);
      amounts.add(number(equation, 4));
      output.append(equation.group()).append(' ');
    }
    String answer = "" + amounts.get(amounts.size() - 1);
    assertThat(problem.answer()).isEqualTo(answer);
    assertThat(problem.output()).isEqualTo(output + "The answer is " + answer + ".");
    return amounts;
  }

  private static int number(MatchResult equation, int group) {
    return Integer.parseInt(equation.group(group));
  }

  private static List<Integer> numbers(String text) {
    return NUMBER.matcher(text).results().map(m -> Integer.valueOf(m.group())).toList();
  }
}
