package org.llmadapters.training.command;

import org.llmadapters.training.step.StepMemory;
import picocli.CommandLine.Option;

/** What takes less memory in training, named as in transformers. */
final class MemoryFlags {
  @Option(
      names = "--gradient-checkpointing",
      description =
          "Keep only what each block reads and compute the block again for its gradients: less memory, about a third more work.")
  private boolean gradientCheckpointing;

  /** The record of these flags. */
  StepMemory toMemory() {
    return new StepMemory(gradientCheckpointing, StepMemory.LOGITS_AT_ONCE);
  }
}
