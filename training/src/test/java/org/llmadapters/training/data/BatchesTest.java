package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class BatchesTest {

  private static final int PAD = 9;

  @Test
  void padsOnTheRight() {
    Batches batches =
        new Batches(
            List.of(
                new Example(ids(1, 5, 6, 2), ids(-100, -100, 6, 2)),
                new Example(ids(1, 7, 2), ids(-100, 7, 2))),
            inFileOrder(2, new Buckets(List.of(2, 5, 8))));

    Batch batch = batches.at(0);

    assertThat(batch.inputIds()).isDeepEqualTo(rows(ids(1, 5, 6, 2, PAD), ids(1, 7, 2, PAD, PAD)));
    assertThat(batch.attentionMask()).isDeepEqualTo(rows(ids(1, 1, 1, 1, 0), ids(1, 1, 1, 0, 0)));
    assertThat(batch.labels())
        .isDeepEqualTo(rows(ids(-100, -100, 6, 2, -100), ids(-100, 7, 2, -100, -100)));
    assertThat(batch.length()).isEqualTo(5);
    assertThat(batch.realTokens()).isEqualTo(7);
    assertThat(batch.countedTokens()).isEqualTo(4);
  }

  @Test
  void fillsTheLastBatchWithRowsThatCountNothing() {
    Batches batches = new Batches(examples(4), inFileOrder(3, new Buckets(List.of(2))));

    Batch last = batches.at(1);

    assertThat(batches.perEpoch()).isEqualTo(2);
    assertThat(last.inputIds()).isDeepEqualTo(rows(ids(3, 13), ids(PAD, PAD), ids(PAD, PAD)));
    assertThat(last.attentionMask()).isDeepEqualTo(rows(ids(1, 1), ids(0, 0), ids(0, 0)));
    assertThat(last.labels()).isDeepEqualTo(rows(ids(-100, 13), ids(-100, -100), ids(-100, -100)));
    assertThat(last.countedTokens()).isEqualTo(1);
    assertThat(last.realTokens()).isEqualTo(2);
  }

  @Test
  void keepsTheFilesOrderInEveryEpochWithoutShuffling() {
    Batches batches = new Batches(examples(5), inFileOrder(2, new Buckets(List.of(2))));

    assertThat(epoch(batches, 0)).containsExactly(0, 1, 2, 3, 4);
    assertThat(epoch(batches, 7)).containsExactly(0, 1, 2, 3, 4);
  }

  @Test
  void holdsEveryExampleOncePerEpochInAnOrderOfItsOwn() {
    Batches batches = new Batches(examples(23), shuffled(4, 42));

    List<Integer> first = epoch(batches, 0);
    List<Integer> second = epoch(batches, 1);

    assertThat(first).containsExactlyInAnyOrderElementsOf(IntStream.range(0, 23).boxed().toList());
    assertThat(second).containsExactlyInAnyOrderElementsOf(first);
    assertThat(second).isNotEqualTo(first);
    assertThat(first).isNotEqualTo(IntStream.range(0, 23).boxed().toList());
  }

  /** The orders that saved positions refer to: they must not change with a version. */
  @Test
  void keepsTheOrdersOfEarlierVersions() {
    Batches batches = new Batches(examples(7), shuffled(2, 42));

    assertThat(epoch(batches, 0)).containsExactly(5, 2, 4, 6, 1, 3, 0);
    assertThat(epoch(batches, 1)).containsExactly(5, 1, 0, 2, 4, 3, 6);
  }

  @Test
  void anotherSeedGivesAnotherOrder() {
    assertThat(epoch(new Batches(examples(23), shuffled(4, 42)), 0))
        .isNotEqualTo(epoch(new Batches(examples(23), shuffled(4, 43)), 0));
  }

  @ParameterizedTest
  @EnumSource
  void givesABatchByItsNumberAlone(Arrangement arrangement) {
    List<Example> examples = ofRandomLengths(50, 20);
    BatchConfig config = new BatchConfig(3, arrangement, everyLength(20), PAD, true, 7);
    Batches inOrder = new Batches(examples, config);
    Batches resumed = new Batches(examples, config);
    int positions = (int) (2 * inOrder.perEpoch() + 1);
    List<int[][]> expected = new ArrayList<>();
    for (int position = 0; position < positions; position++) {
      expected.add(inOrder.at(position).inputIds());
    }

    for (int position = positions - 1; position >= 0; position--) {
      assertThat(resumed.at(position).inputIds()).isDeepEqualTo(expected.get(position));
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyEpochHoldsEveryExampleOnceAndDiffersFromTheOneBefore(Arrangement arrangement) {
    List<Example> examples = ofRandomLengths(50, 20);
    Batches batches =
        new Batches(examples, new BatchConfig(3, arrangement, everyLength(20), PAD, true, 7));

    List<Integer> first = examplesOf(batches, 0);
    List<Integer> second = examplesOf(batches, 1);

    assertThat(first).containsExactlyInAnyOrderElementsOf(IntStream.range(0, 50).boxed().toList());
    assertThat(second).containsExactlyInAnyOrderElementsOf(first).isNotEqualTo(first);
  }

  @Test
  void tellsHowWellAnEpochIsFilled() {
    List<Example> examples =
        List.of(ofLength(3), ofLength(4), ofLength(31), ofLength(33), ofLength(2));
    BatchConfig config = inFileOrder(2, new Buckets(List.of(4, 8, 32, 64)));

    Fill fill = new Batches(examples, config).fill();

    assertThat(fill).isEqualTo(new Fill(5, 5, 73, 2 * (4 + 64 + 4) - 73, 2));
    assertThat(fill.describe())
        .isEqualTo("5 examples in 5 rows, padding 49.3 % of 144 tokens, 2 shapes");
  }

  /** The third example goes where the least room is left; the fourth has to begin a row. */
  @Test
  void packsSeveralExamplesIntoARow() {
    List<Example> examples =
        List.of(
            new Example(ids(1, 5, 2), ids(-100, 5, 2)),
            new Example(ids(1, 6, 7, 8, 2), ids(1, -100, 7, 8, 2)),
            new Example(ids(3, 4), ids(3, 4)),
            new Example(ids(1, 5, 5, 2), ids(1, 5, 5, 2)));
    BatchConfig config =
        new BatchConfig(3, Arrangement.PACKED, new Buckets(List.of(2, 7, 8)), PAD, false, 0);
    Batches batches = new Batches(examples, config);

    Batch batch = batches.at(0);

    assertThat(batches.perEpoch()).isEqualTo(1);
    assertThat(batch.inputIds())
        .isDeepEqualTo(
            rows(
                ids(1, 5, 2, 1, 6, 7, 8, 2),
                ids(3, 4, 1, 5, 5, 2, PAD, PAD),
                ids(PAD, PAD, PAD, PAD, PAD, PAD, PAD, PAD)));
    assertThat(batch.attentionMask())
        .isDeepEqualTo(rows(ids(1, 1, 1, 2, 2, 2, 2, 2), ids(1, 1, 2, 2, 2, 2, 0, 0), new int[8]));
    assertThat(batch.labels())
        .isDeepEqualTo(
            rows(
                ids(-100, 5, 2, -100, -100, 7, 8, 2),
                ids(-100, 4, -100, 5, 5, 2, -100, -100),
                ids(-100, -100, -100, -100, -100, -100, -100, -100)));
    assertThat(batch.realTokens()).isEqualTo(14);
    assertThat(batch.countedTokens())
        .isEqualTo(examples.stream().mapToInt(Example::countedTokens).sum());
    assertThat(batches.fill()).isEqualTo(new Fill(4, 2, 14, 10, 1));
  }

  /** 300 examples of 2 to 40 tokens into rows of 64. */
  @Test
  void packedRowsAreNearlyFullAndOfOneShapeInEveryEpoch() {
    List<Example> examples = ofRandomLengths(300, 40);
    Buckets buckets = new Buckets(List.of(16, 32, 64));
    Batches batches =
        new Batches(examples, new BatchConfig(4, Arrangement.PACKED, buckets, PAD, true, 5));
    int tokens = examples.stream().mapToInt(Example::length).sum();

    assertThat(batches.fill().rows()).isEqualTo((tokens + 63) / 64);
    for (long epoch = 0; epoch < 3; epoch++) {
      int held = 0;
      for (long i = 0; i < batches.perEpoch(); i++) {
        Batch batch = batches.at(epoch * batches.perEpoch() + i);
        assertThat(batch.length()).isEqualTo(64);
        held += batch.realTokens();
      }
      assertThat(held).isEqualTo(tokens);
    }
  }

  /** Rows of 9 tokens each: none holds two, so the bucket of one is long enough. */
  @Test
  void packedRowsAreAsShortAsTheLongestOfThem() {
    List<Example> examples = List.of(ofLength(9), ofLength(9), ofLength(3));
    BatchConfig config =
        new BatchConfig(1, Arrangement.PACKED, new Buckets(List.of(4, 12, 16)), PAD, true, 1);

    assertThat(new Batches(examples, config).fill()).isEqualTo(new Fill(3, 2, 21, 3, 1));
  }

  @Test
  void groupingByLengthLeavesLittlePadding() {
    List<Example> examples = ofRandomLengths(301, 40);
    Buckets buckets = new Buckets(List.of(8, 16, 24, 32, 40));
    BatchConfig grouped = new BatchConfig(4, Arrangement.BY_LENGTH, buckets, PAD, true, 5);
    BatchConfig mixed = new BatchConfig(4, Arrangement.IN_ORDER, buckets, PAD, true, 5);

    Fill fill = new Batches(examples, grouped).fill();

    // On average half the step from one bucket to the next is padding: 4 of some 25 tokens.
    assertThat((double) fill.padding() / fill.tokens()).isBetween(0.1, 0.25);
    assertThat(new Batches(examples, mixed).fill().padding()).isGreaterThan(2 * fill.padding());
    assertThat(fill.rows()).isEqualTo(301);
  }

  /** Long and short micro batches must alternate at random, and the short last one stay last. */
  @Test
  void groupedMicroBatchesComeInAnyOrder() {
    List<Example> examples = ofRandomLengths(41, 40);
    Batches batches =
        new Batches(
            examples, new BatchConfig(4, Arrangement.BY_LENGTH, everyLength(40), PAD, true, 5));

    List<Integer> lengths = batches.epoch().stream().map(Batch::length).toList();

    assertThat(lengths).isNotEqualTo(lengths.stream().sorted().toList());
    assertThat(lengths).isNotEqualTo(lengths.stream().sorted(Comparator.reverseOrder()).toList());
    assertThat(batches.at(10).realTokens())
        .isEqualTo(examples.stream().mapToInt(Example::length).min().orElseThrow());
  }

  @Test
  void groupsTheFilesOrderWithoutShuffling() {
    List<Example> examples = List.of(ofLength(3), ofLength(5), ofLength(4), ofLength(2));
    Batches batches =
        new Batches(
            examples, new BatchConfig(2, Arrangement.BY_LENGTH, everyLength(5), PAD, false, 0));

    assertThat(batches.at(0).attentionMask())
        .isDeepEqualTo(rows(ids(1, 1, 1, 1, 1), ids(1, 1, 1, 1, 0)));
    assertThat(batches.at(1).attentionMask()).isDeepEqualTo(rows(ids(1, 1, 1), ids(1, 1, 0)));
  }

  @Test
  void takesTheBucketOfTheLongestRow() {
    List<Example> examples = List.of(ofLength(3), ofLength(9), ofLength(4), ofLength(4));
    Batches batches = new Batches(examples, inFileOrder(2, new Buckets(List.of(4, 8, 16))));

    assertThat(batches.at(0).length()).isEqualTo(16);
    assertThat(batches.at(1).length()).isEqualTo(4);
  }

  @Test
  void rejectsAnExampleThatFitsInNoBucket() {
    List<Example> examples = List.of(ofLength(3), ofLength(9));

    assertThatThrownBy(() -> new Batches(examples, inFileOrder(2, new Buckets(List.of(4, 8)))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "an example has 9 tokens, more than the longest bucket of 8; set --cutoff-len to that or"
                + " less, or add a longer one to --buckets");
  }

  @Test
  void rejectsANegativePosition() {
    assertThatThrownBy(() -> new Batches(examples(3), shuffled(2, 1)).at(-1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the position must be >= 0, got -1");
  }

  @Test
  void rejectsNoExamples() {
    assertThatThrownBy(() -> new Batches(List.of(), shuffled(2, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("there must be an example, got none");
  }

  @Test
  void rejectsBatchesWithoutRows() {
    assertThatThrownBy(() -> shuffled(0, 1)).hasMessage("micro_batch_size must be >= 1, got 0");
  }

  private static BatchConfig inFileOrder(int rows, Buckets buckets) {
    return new BatchConfig(rows, Arrangement.IN_ORDER, buckets, PAD, false, 0);
  }

  private static BatchConfig shuffled(int rows, long seed) {
    return new BatchConfig(rows, Arrangement.IN_ORDER, new Buckets(List.of(2)), PAD, true, seed);
  }

  /** Example i has the ids i and i + 10. */
  private static List<Example> examples(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> new Example(ids(i, i + 10), ids(i, i + 10)))
        .toList();
  }

  /** The first id of each is its number plus 100. */
  private static List<Example> ofRandomLengths(int count, int longest) {
    Random random = new Random(1);
    return IntStream.range(0, count)
        .mapToObj(
            i -> {
              int[] inputIds = new int[2 + random.nextInt(longest - 1)];
              Arrays.fill(inputIds, 5);
              inputIds[0] = 100 + i;
              return new Example(inputIds, inputIds);
            })
        .toList();
  }

  private static Buckets everyLength(int longest) {
    return new Buckets(IntStream.rangeClosed(1, longest).boxed().toList());
  }

  /** The examples of one epoch, by their first ids. */
  private static List<Integer> examplesOf(Batches batches, int epoch) {
    return LongStream.range(epoch * batches.perEpoch(), (epoch + 1) * batches.perEpoch())
        .boxed()
        .flatMap(position -> Arrays.stream(batches.at(position).inputIds()))
        .flatMapToInt(Arrays::stream)
        .filter(id -> id >= 100)
        .map(id -> id - 100)
        .boxed()
        .toList();
  }

  private static Example ofLength(int tokens) {
    int[] inputIds = new int[tokens];
    Arrays.fill(inputIds, 5);
    return new Example(inputIds, inputIds);
  }

  /** The examples of one epoch, by their first id. */
  private static List<Integer> epoch(Batches batches, int epoch) {
    List<Integer> numbers = new ArrayList<>();
    for (long i = 0; i < batches.perEpoch(); i++) {
      Batch batch = batches.at(epoch * batches.perEpoch() + i);
      for (int row = 0; row < batch.inputIds().length; row++) {
        if (batch.attentionMask()[row][0] == 1) {
          numbers.add(batch.inputIds()[row][0]);
        }
      }
    }
    return numbers;
  }

  private static int[] ids(int... ids) {
    return ids;
  }

  private static int[][] rows(int[]... rows) {
    return rows;
  }
}
