package org.llmadapters.eval.task;

import org.jspecify.annotations.Nullable;

/**
 * What a model answered to one item; made by {@link Task#grade}.
 *
 * @param index of the item in its file, from 0
 * @param prompt what the model was asked; empty if a predictions file does not say
 * @param response what it said, without the prompt
 * @param extracted the answer found in the response, null if there is none
 * @param label the item's answer
 * @param correct whether the extracted answer is right
 * @param tokens generated for the response; 0 if a predictions file does not say
 */
public record Prediction(
    int index,
    String prompt,
    String response,
    @Nullable String extracted,
    String label,
    boolean correct,
    int tokens) {}
