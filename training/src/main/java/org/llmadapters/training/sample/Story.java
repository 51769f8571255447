package org.llmadapters.training.sample;

import java.util.List;
import java.util.Random;
import java.util.StringJoiner;
import org.llmadapters.training.sample.Wording.Event;

/** One question in the making: who and what it is about, and the sentences told so far. */
final class Story {
  private final Random random;
  private final boolean woman;
  private final String name;
  private final String friend;
  private final String third;
  private final String object;
  private final String otherObject;
  private final String container;
  private final String otherContainer;
  private final StringJoiner sentences = new StringJoiner(" ");
  private boolean nameIsKnown;

  /** A story about people and things drawn from {@code random}. */
  Story(Random random) {
    this.random = random;
    woman = random.nextBoolean();
    name = pick(woman ? Wording.WOMEN : Wording.MEN);
    friend = pickBut(random.nextBoolean() ? Wording.WOMEN : Wording.MEN, name);
    third = pickBut(woman ? Wording.MEN : Wording.WOMEN, friend);
    object = pick(Wording.OBJECTS);
    otherObject = pickBut(Wording.OBJECTS, object);
    container = pick(Wording.CONTAINERS);
    otherContainer = pickBut(Wording.CONTAINERS, container);
  }

  /** An element drawn from {@code list}. */
  <T> T pick(List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  private String pickBut(List<String> list, String excluded) {
    return pick(list.stream().filter(element -> !element.equals(excluded)).toList());
  }

  /** Whether something happens that happens {@code percent} times in 100. */
  boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  /** Adds a sentence with the numbers {@code a} and {@code b}. */
  Story tell(String sentence, int a, int b) {
    nameIsKnown |= sentence.contains("{N}");
    sentences.add(fill(sentence.replace("{a}", "" + a).replace("{b}", "" + b)));
    return this;
  }

  /** Adds a sentence without numbers. */
  Story tell(String sentence) {
    return tell(sentence, 0, 0);
  }

  /** Adds a remark in 30 of 100 cases. */
  Story perhapsRemark() {
    return chance(30) ? tell(pick(Wording.REMARKS)) : this;
  }

  /**
   * Adds a sentence with the number {@code a} and an event of {@code {N}}: "... and buys 3 more."
   */
  Story tellJoined(String start, int a, Event event, int number) {
    String open = start.substring(0, start.length() - 1);
    String joined = open + " " + pick(Wording.CONJUNCTIONS) + " " + event.words() + ".";
    return tell(joined.replace("{n}", "" + number), a, 0);
  }

  /** Adds an event as a sentence of its own. */
  Story tellEvent(Event event, int number) {
    String clause = event.words();
    if (event.own()) {
      clause = (nameIsKnown && chance(70) ? "{he}" : "{N}") + " " + clause;
    }
    if (chance(40)) {
      clause = pick(Wording.CONNECTORS) + " " + clause;
    } else if (clause.startsWith("{he}")) {
      clause = (woman ? "She" : "He") + clause.substring("{he}".length());
    } else if (clause.startsWith("they")) {
      clause = "They" + clause.substring("they".length());
    }
    return tell(clause.replace("{n}", "" + number) + ".");
  }

  private String fill(String sentence) {
    return sentence
        .replace("{N}", name)
        .replace("{he}", woman ? "she" : "he")
        .replace("{him}", woman ? "her" : "him")
        .replace("{M}", friend)
        .replace("{K}", third)
        .replace("{o}", object)
        .replace("{u}", otherObject)
        .replace("{c}", container)
        .replace("{d}", otherContainer)
        .replace("{p}", pick(Wording.PLACES));
  }

  /** The sentences told, with a space between them. */
  String text() {
    return sentences.toString();
  }
}
