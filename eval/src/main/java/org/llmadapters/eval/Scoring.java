package org.llmadapters.eval;

/** How a model's answers are had. */
enum Scoring {
  /** The model writes them. */
  GENERATION,
  /** The model tells how likely it finds each choice. */
  LOGLIKELIHOOD;

  /** The value of {@code --scoring}. */
  static Scoring of(String name) {
    return switch (name) {
      case "generation" -> GENERATION;
      case "loglikelihood" -> LOGLIKELIHOOD;
      default ->
          throw new IllegalArgumentException(
              "--scoring must be generation or loglikelihood, got " + name);
    };
  }
}
