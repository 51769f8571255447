package org.llmadapters.training.sample;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The files of the sample: word problems to fine-tune on and to test with, and all of the tiny
 * LLaMA but its weights. The same seed gives the same bytes.
 *
 * <pre>
 *   word-problems/train.json           2,000 two-step problems
 *   word-problems/test.json              200 two-step problems with other numbers
 *   word-problems/onestep-test.json      100 one-step problems, as the base model knows them
 *   tiny-llama/tokenizer.json          also tokenizer_config.json, special_tokens_map.json
 *   tiny-llama/config.json
 * </pre>
 *
 * <p>A file of problems is a JSON array with one Alpaca record per line: {@code instruction},
 * {@code input} (empty), {@code output}, {@code answer}. All files are UTF-8 and end with a line
 * feed.
 */
public final class SampleFiles {
  /** The seed of the files that come with the project. */
  public static final long SEED = 20260101L;

  private static final int TRAIN_COUNT = 2_000;
  private static final int TEST_COUNT = 200;
  private static final int ONE_STEP_TEST_COUNT = 100;
  private static final int MAX_POSITION_EMBEDDINGS = 256;

  private static final ObjectMapper JSON = new ObjectMapper();

  private SampleFiles() {}

  /**
   * Writes all files below {@code directory}, which is made if it is not there; files of the same
   * names are replaced, one by one and each as a whole.
   *
   * @throws IOException if a file cannot be written
   */
  public static void write(Path directory, long seed) throws IOException {
    WordProblems problems = new WordProblems(seed);
    Path words = Files.createDirectories(directory.resolve("word-problems"));
    replace(words.resolve("train.json"), array(problems.twoStepTraining(TRAIN_COUNT)));
    replace(words.resolve("test.json"), array(problems.twoStepTest(TEST_COUNT)));
    replace(words.resolve("onestep-test.json"), array(problems.oneStepTest(ONE_STEP_TEST_COUNT)));

    SampleTokenizer tokenizer = new SampleTokenizer();
    Path model = Files.createDirectories(directory.resolve("tiny-llama"));
    replace(model.resolve("tokenizer.json"), object(tokenizer.tokenizer()));
    replace(
        model.resolve("tokenizer_config.json"),
        object(SampleTokenizer.tokenizerConfig(MAX_POSITION_EMBEDDINGS)));
    replace(model.resolve("special_tokens_map.json"), object(SampleTokenizer.specialTokensMap()));
    replace(model.resolve("config.json"), object(llamaConfig(tokenizer.vocabSize())));
  }

  private static Map<String, Object> llamaConfig(int tokens) {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("architectures", List.of("LlamaForCausalLM"));
    config.put("model_type", "llama");
    config.put("vocab_size", (tokens + 63) / 64 * 64);
    config.put("hidden_size", 128);
    config.put("intermediate_size", 352);
    config.put("num_hidden_layers", 4);
    config.put("num_attention_heads", 4);
    config.put("num_key_value_heads", 2);
    config.put("head_dim", 32);
    config.put("hidden_act", "silu");
    config.put("max_position_embeddings", MAX_POSITION_EMBEDDINGS);
    config.put("rms_norm_eps", 1e-5);
    config.put("rope_theta", 10000.0);
    config.put("tie_word_embeddings", true);
    config.put("bos_token_id", 1);
    config.put("eos_token_id", 2);
    config.put("pad_token_id", 0);
    config.put("torch_dtype", "bfloat16");
    return config;
  }

  private static String array(List<Problem> problems) throws JsonProcessingException {
    StringBuilder text = new StringBuilder("[");
    for (Problem problem : problems) {
      Map<String, String> line = new LinkedHashMap<>();
      line.put("instruction", problem.instruction());
      line.put("input", "");
      line.put("output", problem.output());
      line.put("answer", problem.answer());
      text.append(text.length() == 1 ? "\n" : ",\n").append(JSON.writeValueAsString(line));
    }
    return text.append("\n]\n").toString();
  }

  private static String object(Map<String, ?> content) throws JsonProcessingException {
    DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter().withObjectIndenter(indenter).withArrayIndenter(indenter);
    return JSON.writer(printer).writeValueAsString(content) + "\n";
  }

  private static void replace(Path file, String content) throws IOException {
    Path written = file.resolveSibling(file.getFileName() + ".tmp");
    try {
      Files.writeString(written, content);
      Files.move(written, file, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(written);
    }
  }
}
