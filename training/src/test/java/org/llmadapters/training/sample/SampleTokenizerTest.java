package org.llmadapters.training.sample;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SampleTokenizerTest {
  /** The pieces that the pre-tokenizer cuts the text of a problem into. */
  private static final Pattern PIECE = Pattern.compile("\\d| ?[A-Za-z]+| ?[.?:=+-]+|#+| |\n");

  private HuggingFaceTokenizer tokenizer;

  @BeforeAll
  void open(@TempDir Path directory) throws IOException {
    SampleFiles.write(directory, 7);
    tokenizer =
        HuggingFaceTokenizer.builder()
            .optTokenizerPath(directory.resolve("tiny-llama/tokenizer.json"))
            .optAddSpecialTokens(true)
            .optTruncation(false)
            .optPadding(false)
            .build();
  }

  @AfterAll
  void close() {
    tokenizer.close();
  }

  @Test
  void everyWordIsOneToken() {
    List<String> split = new ArrayList<>();
    for (String word : SampleTokenizer.words()) {
      if (tokenizer.encode(word, false, false).getIds().length != 1) {
        split.add(word);
      }
    }
    assertThat(split).isEmpty();
    assertThat(SampleTokenizer.words()).contains(" Tom", "Tom", " apples", "###", " =", "Below");
  }

  @Test
  void everyPieceOfAProblemAndItsPromptIsOneToken() {
    WordProblems problems = new WordProblems(7);
    List<Problem> all = new ArrayList<>(problems.pretraining(2_000).toList());
    all.addAll(problems.twoStepTraining(1_000));
    for (Problem problem : all) {
      String text =
          SampleTokenizer.PROMPT.replace("{instruction}", problem.instruction()) + problem.output();
      List<String> pieces = PIECE.matcher(text).results().map(m -> m.group()).toList();
      assertThat(String.join("", pieces)).isEqualTo(text);
      assertThat(tokenizer.encode(text, false, false).getIds()).as(text).hasSize(pieces.size());
    }
  }

  @Test
  void questionsTakeAtMost60TokensAndOutputsAtMost30() {
    WordProblems problems = new WordProblems(7);
    List<Problem> all = new ArrayList<>(problems.pretraining(2_000).toList());
    all.addAll(problems.twoStepTraining(1_000));
    int question = 0;
    int output = 0;
    for (Problem problem : all) {
      question = Math.max(question, count(problem.instruction()));
      output = Math.max(output, count(problem.output()));
    }
    assertThat(question).isBetween(40, 60);
    assertThat(output).isBetween(25, 30);
    assertThat(count(SampleTokenizer.PROMPT.replace("{instruction}", ""))).isEqualTo(30);
  }

  @Test
  void aTextStartsWithTheBeginToken() {
    Encoding encoding = tokenizer.encode("Tom has 12 apples.");
    assertThat(encoding.getTokens())
        .containsExactly("<s>", "Tom", "Ġhas", "Ġ", "1", "2", "Ġapples", ".");
    assertThat(encoding.getIds()[0]).isEqualTo(1);
  }

  @Test
  void specialTokensHaveTheIdsOfLlama() {
    assertThat(tokenizer.encode("<unk><s></s>", false, false).getIds()).containsExactly(0, 1, 2);
    assertThat(tokenizer.decode(new long[] {1, 2, 0}, true)).isEmpty();
  }

  @Test
  void bytesAreTheIdsFrom3On() {
    assertThat(tokenizer.encode("\u0000A", false, false).getIds()).containsExactly(3, 3 + 'A');
    assertThat(tokenizer.encode("é", false, false).getIds()).containsExactly(3 + 0xc3, 3 + 0xa9);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "  leading and trailing  ",
        "Zoë naïvely ate 3 crêpes.",
        "数学の問題 12 個",
        "👩‍👩‍👧 🇩🇪 🎉",
        "line one\n\n\tline two\r\n",
        "for (int i = 0; i < 10; i++) { sum += a[i]; } // ### done",
        "applesauce Tommy unknowingly 1234567890",
        "\u0001\u007f\u00a0\u00ad\u0130\ufffd",
      })
  void anyTextIsEncodedWithoutUnknownsAndComesBack(String text) {
    long[] ids = tokenizer.encode(text, false, false).getIds();
    assertThat(ids).doesNotContain(0);
    assertThat(tokenizer.decode(ids, false)).isEqualTo(text);
  }

  @Test
  void everyCodePointComesBack() {
    for (int start = 0; start <= Character.MAX_CODE_POINT; start += 0x1000) {
      StringBuilder text = new StringBuilder();
      for (int codePoint = start; codePoint < start + 0x1000; codePoint += 7) {
        if (codePoint < Character.MIN_SURROGATE || codePoint > Character.MAX_SURROGATE) {
          text.appendCodePoint(codePoint);
        }
      }
      long[] ids = tokenizer.encode(text.toString(), false, false).getIds();
      assertThat(tokenizer.decode(ids, false)).isEqualTo(text.toString());
    }
  }

  @Test
  void has976Tokens() {
    assertThat(new SampleTokenizer().vocabSize()).isEqualTo(976);
  }

  private int count(String text) {
    return tokenizer.encode(text, false, false).getIds().length;
  }
}
