package org.llmadapters.eval.task;

/**
 * One question of a task.
 *
 * @param instruction the question
 * @param input what it refers to, mostly empty
 * @param answer the label: what a right answer is compared with
 */
public record TaskItem(String instruction, String input, String answer) {}
