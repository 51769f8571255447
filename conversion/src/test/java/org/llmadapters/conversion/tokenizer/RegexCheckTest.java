package org.llmadapters.conversion.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RegexCheckTest {
  /** GPT-2, LLaMA 3, Qwen 2, BLOOM, GPT-4o, DeepSeek 3. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
            + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+",
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
            + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s+(?!\\S)",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"
            + "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "(?i)a|b",
        "(?:abc)+",
        "[[:alpha:]]+",
      })
  void takesThePatternsOfPublishedTokenizers(String regex) {
    assertThatCode(() -> RegexCheck.check(regex)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "(a+)+$ ; a group with a choice inside is repeated",
        "(a|a)*b ; a group with a choice inside is repeated",
        "((a+)?)+ ; a group with a choice inside is repeated",
        "(?:(?:a{1,9}){1,9}){2} ; a group with a choice inside is repeated",
        "a{1,3}+ ; a repetition is repeated",
        "a*?* ; a repetition is repeated",
        "a*a*a*b ; it can match in too many ways",
        "a?a?a?a?a?a?a?a?a?b ; it can match in too many ways",
        "(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b) ; it can match in too many ways",
        "x|(?=a*a*)a*b ; it can match in too many ways",
        "a{1001} ; it repeats more than 1000 times",
        "(a*)\\1 ; \\1 is not supported",
        "(?<n>a\\g<n>?) ; \\g is not supported",
        "\\c[(a+)+$ ; \\c is not supported",
        "[\\c](a+)+$] ; \\c is not supported",
        "[[:aaaaaaaaaaaaaaaaaaaaaaaa:](a+)+$q] ; it has [: without the name of a class",
        "(?x)a ; (?x is not supported",
        "(?~a) ; (?~ is not supported",
        "(?(1)a) ; (?( is not supported",
        "(*FAIL) ; (*F is not supported",
        "a*(?i)b|a* ; (?i) is supported at its start only",
      })
  void refusesWhatCanTakeLong(String regex, String problem) {
    assertThatThrownBy(() -> RegexCheck.check(regex))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(problem);
  }

  @Test
  void refusesDeepAndLongPatterns() {
    assertThatThrownBy(() -> RegexCheck.check("(".repeat(17)))
        .hasMessage("its parentheses are nested deeper than 16");
    assertThatThrownBy(() -> RegexCheck.check("[".repeat(17)))
        .hasMessage("its brackets are nested deeper than 16");
    assertThatThrownBy(() -> RegexCheck.check("a".repeat(4097)))
        .hasMessage("it has 4097 characters, expected at most 4096");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "a ; true",
        "a+ ; true",
        "ab* ; true",
        "[ab] ; true",
        "a|b ; true",
        "(a|b)c? ; true",
        "\\s{1,} ; true",
        "(?:a) ; true",
        "a{2} ; true",
        "a* ; false",
        "a? ; false",
        "a{0,2} ; false",
        "a{,2} ; false",
        "a{2}? ; false",
        "a|b* ; false",
        "a| ; false",
        "(a|) ; false",
        "(?=a) ; false",
        "(?<!a) ; false",
        "\\b ; false",
        "^ ; false",
        "(a)? ; false",
        "(?:a*)b ; true",
        "(?=a)b ; true",
        "(a ; false"
      })
  void knowsWhetherEachMatchHasACharacter(String regex, boolean consumes) {
    assertThat(RegexCheck.check(regex)).isEqualTo(consumes);
  }
}
