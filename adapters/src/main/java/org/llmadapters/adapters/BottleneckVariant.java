package org.llmadapters.adapters;

import org.llmadapters.adapters.BottleneckConfig.InitWeights;

/**
 * What does not show in a bottleneck's function.
 *
 * @param initWeights {@code init_weights}: how a new adapter starts
 * @param bias {@code bias}: which biases of the model are trained as well
 */
public record BottleneckVariant(InitWeights initWeights, TrainedBias bias) {}
