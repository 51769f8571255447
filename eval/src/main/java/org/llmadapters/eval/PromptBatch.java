package org.llmadapters.eval;

import java.util.Arrays;
import java.util.List;

/**
 * Prompts under each other, padded on the left.
 *
 * @param ids [B][T]
 * @param mask [B][T], 1 at tokens of prompts
 */
record PromptBatch(List<int[]> ids, List<int[]> mask) {
  /** Prompts are padded to a multiple of this, so that few programs are compiled. */
  private static final int PROMPT_MULTIPLE = 32;

  /**
   * @param rows B; those that {@code prompts} leaves over are all padding
   */
  static PromptBatch of(List<int[]> prompts, int rows, int padId) {
    int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
    int length = (longest + PROMPT_MULTIPLE - 1) / PROMPT_MULTIPLE * PROMPT_MULTIPLE;
    int[][] ids = new int[rows][length];
    int[][] mask = new int[rows][length];
    for (int row = 0; row < rows; row++) {
      Arrays.fill(ids[row], padId);
      if (row < prompts.size()) {
        int[] prompt = prompts.get(row);
        System.arraycopy(prompt, 0, ids[row], length - prompt.length, prompt.length);
        Arrays.fill(mask[row], length - prompt.length, length, 1);
      }
    }
    return new PromptBatch(List.of(ids), List.of(mask));
  }

  int rows() {
    return ids.size();
  }

  int[][] idRows() {
    return ids.toArray(int[][]::new);
  }

  int[][] maskRows() {
    return mask.toArray(int[][]::new);
  }
}
