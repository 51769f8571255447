package org.llmadapters.eval.report;

import java.util.Optional;

/**
 * What it took to answer a task.
 *
 * @param tokens generated for all items, or read to score their choices
 * @param truncated items whose prompt was too long for the model and was cut
 * @param speed of the items that were answered last; empty if all were there before
 */
public record Work(long tokens, int truncated, Optional<Speed> speed) {}
