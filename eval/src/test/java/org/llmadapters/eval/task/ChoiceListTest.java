package org.llmadapters.eval.task;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.llmadapters.eval.task.ChoiceList.Listed;

final class ChoiceListTest {
  private final ChoiceList named = new NamedChoices();

  @Test
  void namesAreThoseOfTheFormatAndTextsComeBehindThem() {
    String instruction =
        """
        Please choose the correct answer to the question: Is Answer1: or Answer3: nearer?

        Answer1: a marsh Answer2: the tundra,  they say
        Answer3:plains\s

        Answer format: answer1/answer2/answer3""";
    assertThat(named.in(instruction))
        .containsExactly(
            new Listed("answer1", "a marsh"),
            new Listed("answer2", "the tundra,  they say"),
            new Listed("answer3", "plains"));
    assertThat(named.response("answer2")).isEqualTo("the correct answer is answer2");
  }

  @Test
  void theFormatMayFollowOnTheSameLine() {
    assertThat(
            named.in(
                "... got the easier cases.\n\nOption1: Sarah Option2: Maria Answer format: option1/option2"))
        .containsExactly(new Listed("option1", "Sarah"), new Listed("option2", "Maria"));
  }

  @Test
  void namesWithoutTextsStandForThemselves() {
    assertThat(named.in("question: is it?\n\nAnswer format: true/false"))
        .containsExactly(new Listed("true", "true"), new Listed("false", "false"));
  }

  @Test
  void aTextThatIsMissingIsNoChoiceList() {
    assertThat(named.in("What?\n\nAnswer2: b\n\nAnswer format: answer1/answer2")).isEmpty();
    assertThat(named.in("What?\n\nAnswer1: a Answer2: b")).isEmpty();
    assertThat(named.in("What?\n\nAnswer1: a\n\nAnswer format: answer1")).isEmpty();
  }

  @Test
  void lettersOfAqua() {
    ChoiceList aqua = LetteredChoices.aqua();
    assertThat(aqua.in("(A) or (B)? Answer Choices: (A) 23.65 (B) 1000, or so (C) 2(x) "))
        .containsExactly(
            new Listed("A", "23.65"), new Listed("B", "1000, or so"), new Listed("C", "2(x)"));
    assertThat(aqua.in("(A) or (B)?")).isEmpty();
    assertThat(aqua.in("Answer Choices: (A) only")).isEmpty();
    assertThat(aqua.response("C")).isEqualTo("The answer is (C).");
  }

  @Test
  void lettersOfMathqa() {
    assertThat(
            LetteredChoices.mathqa()
                .in(
                    "what ? The options: A ) 38 , B ) 27.675 , C ) 1 , 5 , D ) DAtA , E ) nonE oF thEsE"))
        .containsExactly(
            new Listed("A", "38"),
            new Listed("B", "27.675"),
            new Listed("C", "1 , 5"),
            new Listed("D", "DAtA"),
            new Listed("E", "nonE oF thEsE"));
  }
}
