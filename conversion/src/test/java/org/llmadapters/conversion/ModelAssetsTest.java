package org.llmadapters.conversion;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llmadapters.conversion.tokenizer.Tokenizers;

final class ModelAssetsTest {
  @TempDir Path directory;

  private void write(String name) throws IOException {
    Files.writeString(directory.resolve(name), "{}");
  }

  @Test
  void findsTheTokenizerThatIsLoadedFirst() throws IOException {
    assertThat(ModelAssets.tokenizer(directory)).isEmpty();
    write("merges.txt");
    assertThat(ModelAssets.tokenizer(directory)).isEmpty();
    write("vocab.json");
    assertThat(ModelAssets.tokenizer(directory)).contains("vocab.json");
    write("tokenizer.model");
    assertThat(ModelAssets.tokenizer(directory)).contains("tokenizer.model");
    write("tokenizer.json");
    assertThat(ModelAssets.tokenizer(directory)).contains("tokenizer.json");
  }

  @Test
  void aVocabularyWithoutMergesIsNoTokenizer() throws IOException {
    write("vocab.json");
    assertThat(ModelAssets.tokenizer(directory)).isEmpty();
    assertThat(Tokenizers.load(directory)).isEmpty();
  }

  @Test
  void copiesAllFilesOfATokenizer() throws IOException {
    for (String name :
        new String[] {"vocab.json", "merges.txt", "added_tokens.json", "model.safetensors"}) {
      write(name);
    }
    Path copy = directory.resolve("copy");
    ModelAssets.copy(directory, copy);
    assertThat(copy).isDirectoryNotContaining("glob:**model.safetensors");
    assertThat(copy.resolve("vocab.json")).exists();
    assertThat(copy.resolve("merges.txt")).exists();
    assertThat(copy.resolve("added_tokens.json")).exists();
  }
}
