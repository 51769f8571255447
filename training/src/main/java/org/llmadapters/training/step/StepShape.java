package org.llmadapters.training.step;

/**
 * The shape of the batches that one compiled step takes; every new one is compiled once.
 *
 * @param batch B, rows
 * @param length T, tokens in a row
 */
public record StepShape(int batch, int length) {}
