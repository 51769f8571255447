package org.llmadapters.training;

import java.util.List;
import org.llmadapters.training.data.Batch;
import org.llmadapters.training.data.Batches;
import org.llmadapters.training.data.Example;
import org.llmadapters.training.step.LossFunction;
import org.llmadapters.training.step.TokenBatch;

/** The loss on examples that are not trained on. */
final class ValidationLoss {
  private final List<Batch> batches;
  private final LossFunction lossFunction;

  /** The loss on {@code examples}, which may be none. */
  ValidationLoss(Trainee trainee, TrainingConfig config, List<Example> examples) {
    this.batches =
        examples.isEmpty() ? List.of() : new Batches(examples, config.batch().unshuffled()).epoch();
    this.lossFunction =
        new LossFunction(
            trainee.session(), config.computation(trainee.inference()), config.execution());
  }

  /** Whether there are no examples. */
  boolean isEmpty() {
    return batches.isEmpty();
  }

  /** The mean over the tokens to predict, in nats, of what the trainee is now. */
  double now() {
    LossFunction.Sum sum = new LossFunction.Sum(0, 0);
    for (Batch batch : batches) {
      try (TokenBatch tensors =
          TokenBatch.of(batch.inputIds(), batch.attentionMask(), batch.labels(), 0)) {
        sum = sum.plus(lossFunction.of(tensors));
      }
    }
    return sum.mean();
  }
}
