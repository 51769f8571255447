package org.llmadapters.eval;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.TokenScorer.Sequence;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.task.Choice;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.ScoredChoice;
import org.llmadapters.eval.task.Task;
import org.llmadapters.eval.task.TaskItem;

/**
 * Compares how likely a model finds the choices of an item; the likeliest is its answer. As
 * EleutherAI/lm-evaluation-harness does it for tasks of type {@code multiple_choice}.
 */
public final class ScoringRespondent implements Respondent {
  private final TokenScorer scorer;
  private final ContinuationEncoder encoder;
  private final PromptTemplate template;
  private final int batchSize;
  private final TooLong tooLong;

  /**
   * Answers by {@code scorer}.
   *
   * @param template makes a prompt of an item that has an instruction
   * @param batchSize choices that are scored together
   * @param tooLong what happens to a prompt that the model has no room for
   */
  public ScoringRespondent(
      TokenScorer scorer,
      Tokenizer tokenizer,
      PromptTemplate template,
      int batchSize,
      TooLong tooLong) {
    if (batchSize < 1) {
      throw new IllegalArgumentException("batch_size must be >= 1, got " + batchSize);
    }
    this.scorer = scorer;
    this.encoder = new ContinuationEncoder(tokenizer);
    this.template = template;
    this.batchSize = batchSize;
    this.tooLong = tooLong;
  }

  @Override
  public void use(String name) {
    scorer.use(name);
  }

  @Override
  public String prompt(Task task, TaskItem item) {
    return task.prompt(item, template);
  }

  @Override
  public int requireFit(Task task, List<TaskItem> items) {
    int count = 0;
    for (TaskItem item : items) {
      boolean cut = false;
      for (Choice choice : item.choices()) {
        Sequence whole = encoder.encode(prompt(task, item), choice.continuation());
        Sequence kept = cut(whole);
        scorer.requireFits(kept);
        cut |= kept.length() < whole.length();
      }
      count += cut ? 1 : 0;
    }
    return count;
  }

  /** A prompt is cut so that the choice and at least one token before it are left. */
  private Sequence cut(Sequence whole) {
    OptionalInt limit = scorer.maxLength();
    int over = limit.isPresent() ? whole.length() - limit.getAsInt() : 0;
    int dropped = Math.min(over, whole.from() - 1);
    return tooLong == TooLong.REFUSE || dropped <= 0
        ? whole
        : new Sequence(whole.tokens().subList(dropped, whole.length()), whole.from() - dropped);
  }

  @Override
  public void answer(Task task, Map<Integer, TaskItem> items, Listener listener) {
    List<Sequence> sequences = new ArrayList<>();
    List<OpenItem> owners = new ArrayList<>();
    items.forEach(
        (index, item) -> {
          OpenItem open = new OpenItem(index, item, sequences.size());
          for (Choice choice : item.choices()) {
            sequences.add(cut(encoder.encode(prompt(task, item), choice.continuation())));
            owners.add(open);
          }
        });
    scorer.score(
        sequences,
        batchSize,
        sums -> {
          List<Prediction> answered = new ArrayList<>();
          sums.forEach(
              (number, sum) -> {
                OpenItem open = owners.get(number);
                if (open.complete(number, sum)) {
                  answered.add(grade(task, open, sequences));
                }
              });
          listener.answered(answered);
        });
  }

  /** An item of which some choices are not scored yet. */
  private static final class OpenItem {
    private final int index;
    private final TaskItem item;
    private final int first;
    private final double[] sums;
    private int missing;

    /**
     * None of whose choices are scored.
     *
     * @param first the number of its first choice's sequence
     */
    OpenItem(int index, TaskItem item, int first) {
      this.index = index;
      this.item = item;
      this.first = first;
      this.sums = new double[item.choices().size()];
      this.missing = sums.length;
    }

    /** Takes the sum of one choice; whether it was the last one missing. */
    boolean complete(int number, double sum) {
      sums[number - first] = sum;
      missing--;
      return missing == 0;
    }
  }

  private Prediction grade(Task task, OpenItem open, List<Sequence> sequences) {
    List<ScoredChoice> choices = new ArrayList<>();
    int tokens = 0;
    for (int i = 0; i < open.sums.length; i++) {
      Choice choice = open.item.choices().get(i);
      choices.add(new ScoredChoice(choice.answer(), choice.text(), open.sums[i]));
      tokens += sequences.get(open.first + i).length();
    }
    return task.grade(open.index, prompt(task, open.item), choices, open.item.answer(), tokens);
  }
}
