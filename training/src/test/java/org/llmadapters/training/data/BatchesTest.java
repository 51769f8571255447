package org.llmadapters.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

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
    assertThat(last.labels()).isDeepEqualTo(rows(ids(3, 13), ids(-100, -100), ids(-100, -100)));
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

  @Test
  void givesABatchByItsNumberAlone() {
    Batches inOrder = new Batches(examples(11), shuffled(3, 7));
    Batches resumed = new Batches(examples(11), shuffled(3, 7));
    List<int[][]> expected = new ArrayList<>();
    for (int position = 0; position < 12; position++) {
      expected.add(inOrder.at(position).inputIds());
    }

    for (int position = 11; position >= 0; position--) {
      assertThat(resumed.at(position).inputIds()).isDeepEqualTo(expected.get(position));
    }
  }

  @Test
  void countsAShapePerBucketInUse() {
    List<Example> examples = List.of(ofLength(3), ofLength(4), ofLength(31), ofLength(33));
    BatchConfig config = inFileOrder(1, new Buckets(List.of(4, 8, 32, 64)));

    assertThat(new Batches(examples, config).shapes()).isEqualTo(3);
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
        .hasMessage("an example has 9 tokens, more than the longest bucket of 8");
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
