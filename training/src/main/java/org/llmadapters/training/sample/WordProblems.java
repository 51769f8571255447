package org.llmadapters.training.sample;

import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.llmadapters.training.sample.Wording.Event;
import org.llmadapters.training.sample.Wording.Scene;

/**
 * Arithmetic word problems in simple English, generated from a seed: the same seed gives the same
 * problems on every machine.
 *
 * <p>There are two kinds, made of the same words and sentences:
 *
 * <pre>
 *   one step    Tom has 7 apples. He buys 5 more. How many apples does Tom have now?
 *               7 + 5 = 12. The answer is 12.
 *   two steps   Tom has 7 apples. He buys 5 more. Then he gives 4 to Anna. How many ... ?
 *               7 + 5 = 12. 12 - 4 = 8. The answer is 8.
 * </pre>
 *
 * A base model is trained on one step only and so answers after one equation. No two-step problem
 * can be solved that way: its answer is none of its three numbers, nor the sum or the difference of
 * two of them.
 *
 * <p>All numbers lie in 0..40, and what is added or taken away in 0..20. Test problems are kept
 * apart from training problems by their content, not by their place in the sequence: whatever the
 * seeds and counts, a question of {@link #oneStepTest} is never in {@link #pretraining}, and the
 * three numbers of a problem of {@link #twoStepTest} are, in their order, never those of a problem
 * of {@link #twoStepTraining}.
 */
public final class WordProblems {
  /** Of so many one-step questions one is for tests. */
  private static final int TEST_SHARE = 64;

  private final long seed;

  /** The problems of {@code seed}; every seed will do. */
  public WordProblems(long seed) {
    this.seed = seed;
  }

  /**
   * {@code count} one-step problems and plain drills, made one by one as the stream is read; a
   * problem may occur more than once. For sequential use.
   */
  public Stream<Problem> pretraining(long count) {
    Random random = new Random(seed);
    return Stream.generate(() -> oneStep(random, random.nextInt(100) < 15))
        .filter(problem -> !isTestQuestion(problem))
        .limit(count);
  }

  /** {@code count} different one-step problems, no drills, none of which occurs in pretraining. */
  public List<Problem> oneStepTest(int count) {
    Random random = new Random(seed + 1);
    return distinct(
        Stream.generate(() -> oneStep(random, false)).filter(WordProblems::isTestQuestion), count);
  }

  /** {@code count} different two-step problems to train on. */
  public List<Problem> twoStepTraining(int count) {
    Random random = new Random(seed + 2);
    return distinct(Stream.generate(() -> twoSteps(random, false)), count);
  }

  /** {@code count} different two-step problems whose number triples do not occur in training. */
  public List<Problem> twoStepTest(int count) {
    Random random = new Random(seed + 3);
    return distinct(Stream.generate(() -> twoSteps(random, true)), count);
  }

  private static boolean isTestQuestion(Problem problem) {
    return Numbers.isOneOf(TEST_SHARE, problem.instruction());
  }

  private static List<Problem> distinct(Stream<Problem> problems, int count) {
    Set<String> seen = new HashSet<>();
    return problems.filter(problem -> seen.add(problem.instruction())).limit(count).toList();
  }

  private static Problem oneStep(Random random, boolean drill) {
    Story story = new Story(random);
    if (drill) {
      boolean sum = random.nextBoolean();
      Numbers numbers = Numbers.ofDrill(random, sum);
      List<String> drills = sum ? Wording.SUM_DRILLS : Wording.DIFFERENCE_DRILLS;
      story.tell(story.pick(drills), numbers.a(), numbers.b());
      return problem(story, numbers);
    }
    int kind = random.nextInt(100);
    if (kind < 50) {
      return oneEvent(random, story, Wording.PERSON);
    } else if (kind < 75) {
      return oneEvent(random, story, Wording.CONTAINER);
    } else if (kind < 83) {
      return oneEvent(random, story, Wording.TWO_PEOPLE);
    }
    story.perhapsRemark();
    Numbers numbers;
    if (kind < 88) {
      numbers = Numbers.ofOneStep(random, false);
      story.tell(story.pick(Wording.TWO_PEOPLE_APART), numbers.a(), numbers.b());
      story.perhapsRemark().tell(Wording.COMPARISON);
    } else {
      numbers = Numbers.ofOneStep(random, true);
      tellPair(story, kind < 94, numbers).perhapsRemark().tell(pairQuestion(story, kind < 94));
    }
    return problem(story, numbers);
  }

  private static Problem oneEvent(Random random, Story story, Scene scene) {
    boolean gain = random.nextBoolean();
    Numbers numbers = Numbers.ofOneStep(random, gain);
    List<Event> events = gain ? scene.gains() : scene.losses();
    story.perhapsRemark();
    if (scene.equals(Wording.PERSON) && story.chance(25)) {
      String unrelated = "" + Numbers.between(random, 2, 20);
      String start = story.pick(Wording.TWO_KINDS).replace("{x}", unrelated);
      story.tell(start, numbers.a(), 0).perhapsRemark();
      List<Event> clear = events.stream().filter(Event::namesTheObject).toList();
      story.tellEvent(story.pick(clear), numbers.b());
    } else {
      tellStart(story, scene, numbers.a(), story.pick(events), numbers.b(), true);
    }
    story.perhapsRemark().tell(story.pick(scene.questions()));
    return problem(story, numbers);
  }

  private static void tellStart(
      Story story, Scene scene, int a, Event event, int b, boolean remark) {
    String start = story.pick(scene.starts());
    if (scene.equals(Wording.PERSON) && event.own() && story.chance(25)) {
      story.tellJoined(start, a, event, b);
      return;
    }
    story.tell(start, a, 0);
    if (remark) {
      story.perhapsRemark();
    }
    story.tellEvent(event, b);
  }

  private static Story tellPair(Story story, boolean people, Numbers numbers) {
    List<String> starts = people ? Wording.TWO_PEOPLE_APART : Wording.TWO_CONTAINERS;
    return story.tell(story.pick(starts), numbers.a(), numbers.b());
  }

  private static String pairQuestion(Story story, boolean people) {
    return story.pick(people ? Wording.TWO_PEOPLE.questions() : Wording.TWO_CONTAINERS_QUESTIONS);
  }

  private static Problem twoSteps(Random random, boolean test) {
    Story story = new Story(random);
    int kind = random.nextInt(100);
    boolean pair = kind < 20;
    boolean firstGain = pair || random.nextBoolean();
    boolean secondGain = random.nextBoolean();
    Numbers numbers = Numbers.ofTwoSteps(random, firstGain, secondGain, test);
    if (pair) {
      boolean people = kind < 10;
      Scene scene = people ? Wording.TWO_PEOPLE : Wording.CONTAINER;
      tellPair(story, people, numbers);
      List<Event> events = secondGain ? scene.gains() : scene.losses();
      // Both amounts are meant, so nothing may be taken from one of two containers.
      Event event = story.pick(events.stream().filter(e -> !e.namesTheContainer()).toList());
      story.tellEvent(event, numbers.c()).tell(pairQuestion(story, people));
    } else {
      Scene scene = kind < 70 ? Wording.PERSON : Wording.CONTAINER;
      Event first = story.pick(firstGain ? scene.gains() : scene.losses());
      Event second = story.pick(secondGain ? scene.gains() : scene.losses());
      tellStart(story, scene, numbers.a(), first, numbers.b(), false);
      story.tellEvent(second, numbers.c()).tell(story.pick(scene.questions()));
    }
    return problem(story, numbers);
  }

  private static Problem problem(Story story, Numbers numbers) {
    String answer = "" + numbers.answer();
    String output = numbers.equations() + " The answer is " + answer + ".";
    return new Problem(story.text(), output, answer);
  }
}
