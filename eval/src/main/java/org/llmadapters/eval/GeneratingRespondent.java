package org.llmadapters.eval;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.llmadapters.conversion.tokenizer.Tokenizer;
import org.llmadapters.eval.prompt.PromptTemplate;
import org.llmadapters.eval.task.Prediction;
import org.llmadapters.eval.task.Task;
import org.llmadapters.eval.task.TaskItem;

/** Lets a model write its answers, in which the task's rule finds what it meant. */
public final class GeneratingRespondent implements Respondent {
  private final Generator generator;
  private final Tokenizer tokenizer;
  private final PromptTemplate template;
  private final GenerationConfig generation;
  private final TooLong tooLong;

  /** Answers by {@code generator}; prompts that it has no room for are an error. */
  public GeneratingRespondent(
      Generator generator,
      Tokenizer tokenizer,
      PromptTemplate template,
      GenerationConfig generation) {
    this(generator, tokenizer, template, generation, TooLong.REFUSE);
  }

  /**
   * Answers by {@code generator}.
   *
   * @param template makes a prompt of an item
   * @param generation how the model answers
   * @param tooLong what happens to a prompt that the model has no room for
   */
  public GeneratingRespondent(
      Generator generator,
      Tokenizer tokenizer,
      PromptTemplate template,
      GenerationConfig generation,
      TooLong tooLong) {
    this.generator = generator;
    this.tokenizer = tokenizer;
    this.template = template;
    this.generation = generation;
    this.tooLong = tooLong;
  }

  @Override
  public void use(String name) {
    generator.use(name);
  }

  @Override
  public String prompt(Task task, TaskItem item) {
    return task.prompt(item, template);
  }

  @Override
  public int requireFit(Task task, List<TaskItem> items) {
    List<int[]> whole = items.stream().map(item -> encode(task, item)).toList();
    List<int[]> prompts = whole.stream().map(this::cut).toList();
    generator.requireFit(prompts, generation.maxNewTokens());
    int count = 0;
    for (int i = 0; i < whole.size(); i++) {
      count += whole.get(i).length > prompts.get(i).length ? 1 : 0;
    }
    return count;
  }

  private int[] encode(Task task, TaskItem item) {
    return tokenizer.encode(prompt(task, item), true);
  }

  private int[] cut(int[] prompt) {
    OptionalInt limit = generator.maxPromptLength(generation.maxNewTokens());
    return limit.isPresent() ? tooLong.cut(prompt, limit.getAsInt()) : prompt;
  }

  @Override
  public void answer(Task task, Map<Integer, TaskItem> items, Listener listener) {
    List<Map.Entry<Integer, TaskItem>> asked = List.copyOf(items.entrySet());
    List<int[]> prompts = asked.stream().map(entry -> cut(encode(task, entry.getValue()))).toList();
    generator.generate(
        prompts,
        asked.stream().map(Map.Entry::getKey).toList(),
        generation,
        answers -> {
          List<Prediction> graded = new ArrayList<>();
          answers.forEach(
              (number, answer) -> {
                TaskItem item = asked.get(number).getValue();
                String text = tokenizer.decode(answer, true);
                String response = generation.stop().cut(text).strip();
                graded.add(
                    task.grade(
                        asked.get(number).getKey(),
                        prompt(task, item),
                        response,
                        item.answer(),
                        answer.length));
              });
          listener.answered(graded);
        });
  }
}
