package org.llmadapters.training;

import org.llmadapters.training.data.Arrangement;
import org.llmadapters.training.data.BatchConfig;
import org.llmadapters.training.optimizer.LearningRateSchedule;
import org.llmadapters.training.optimizer.OptimizerConfig;
import org.llmadapters.training.step.LossScaling;
import org.llmadapters.training.step.ReplicatedFunction;

/**
 * Everything that decides the course of a run besides model, adapter and data.
 *
 * @param batch micro batches: size, buckets, order
 * @param accumulation micro batches per update
 * @param totalSteps updates of the whole run
 * @param optimizer the update
 * @param schedule the learning rate of each update
 * @param execution replicas and XLA
 * @param lossScaling for the dtype of the model
 */
record TrainingConfig(
    BatchConfig batch,
    int accumulation,
    long totalSteps,
    OptimizerConfig optimizer,
    LearningRateSchedule schedule,
    ReplicatedFunction.Execution execution,
    LossScaling lossScaling) {

  TrainingConfig {
    if (accumulation < 1) {
      throw new IllegalArgumentException(
          "micro batches per batch must be >= 1, got " + accumulation);
    }
    if (totalSteps < 1) {
      throw new IllegalArgumentException("the run must have at least 1 step, got " + totalSteps);
    }
  }

  /**
   * {@code oneInEachRow}, a computation of rows with one example each, for rows as they are here.
   */
  ReplicatedFunction.Computation computation(ReplicatedFunction.Computation oneInEachRow) {
    return batch.arrangement() == Arrangement.PACKED ? oneInEachRow.ofDocuments() : oneInEachRow;
  }
}
