package org.llmadapters.training.sample;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Every word and sentence of the word problems. A {@link Story} replaces the places in braces:
 *
 * <pre>
 *   {N}        the person told of              {a} {b}  the numbers a story starts with
 *   {he} {him} the pronouns of {N}             {n}      the number of an event
 *   {M} {K}    two other persons               {x}      a number that does not matter
 *   {o}        the thing counted, in plural    {u}      things that are not counted
 *   {c} {d}    two containers                  {p}      a place
 * </pre>
 */
final class Wording {
  private Wording() {}

  /**
   * Something that adds to the amount or takes from it.
   *
   * @param words a predicate of {@code {N}} if {@code own}, else a whole clause
   */
  record Event(boolean own, String words) {
    private static Event own(String words) {
      return new Event(true, words);
    }

    private static Event other(String words) {
      return new Event(false, words);
    }

    boolean namesTheObject() {
      return words.contains("{o}");
    }

    boolean namesTheContainer() {
      return words.contains("{c}");
    }
  }

  /** What can be told about one kind of holder of things: how it starts, goes on and is asked. */
  record Scene(List<String> starts, List<Event> gains, List<Event> losses, List<String> questions) {
    private Stream<String> sentences() {
      return Stream.of(
              starts.stream(),
              gains.stream().map(Event::words),
              losses.stream().map(Event::words),
              questions.stream())
          .flatMap(sentences -> sentences);
    }
  }

  static final List<String> WOMEN =
      List.of(
          "Amy", "Anna", "Clara", "Ella", "Emma", "Julia", "Lily", "Lucy", "Maria", "Mia", "Nina",
          "Olga", "Rosa", "Sara", "Zoe");

  static final List<String> MEN =
      List.of(
          "Adam", "Ben", "Carlos", "Daniel", "David", "Hugo", "Jack", "Leo", "Mark", "Noah", "Omar",
          "Paul", "Peter", "Sam", "Tom");

  static final List<String> OBJECTS =
      List.of(
          "apples",
          "balls",
          "beads",
          "books",
          "buttons",
          "candles",
          "cards",
          "carrots",
          "coins",
          "cookies",
          "cups",
          "eggs",
          "flowers",
          "kites",
          "lemons",
          "marbles",
          "oranges",
          "pears",
          "pencils",
          "pens",
          "plums",
          "rings",
          "rocks",
          "shells",
          "stamps",
          "stickers",
          "stones",
          "tickets",
          "toys",
          "tulips");

  static final List<String> CONTAINERS =
      List.of("bag", "basket", "bowl", "box", "drawer", "jar", "pot", "sack");

  static final List<String> PLACES = List.of("beach", "fair", "market", "park", "school", "shop");

  /** Put before the subject of an event. */
  static final List<String> CONNECTORS = List.of("Then", "Later", "After that");

  /** Put between two predicates of {@code {N}}. */
  static final List<String> CONJUNCTIONS = List.of("and", "and then");

  /** Sentences that change nothing. */
  static final List<String> REMARKS =
      List.of(
          "It is a sunny day.",
          "{N} and {M} are good friends.",
          "{N} likes {o}.",
          "{N} is at the {p} with {M}.",
          "The {o} are very nice.");

  /** {@code {N}} has things. */
  static final Scene PERSON =
      new Scene(
          List.of(
              "{N} has {a} {o}.",
              "{N} starts with {a} {o}.",
              "{N} owns {a} {o}.",
              "In the morning {N} has {a} {o}."),
          List.of(
              Event.own("buys {n} more"),
              Event.own("buys {n} {o} at the {p}"),
              Event.own("finds {n} more {o}"),
              Event.own("gets {n} more from {M}"),
              Event.own("picks up {n} {o} at the {p}"),
              Event.own("wins {n} {o} in a game"),
              Event.other("{M} gives {him} {n} more"),
              Event.other("{M} brings {him} {n} {o}")),
          List.of(
              Event.own("gives {n} to {M}"),
              Event.own("gives away {n} {o}"),
              Event.own("loses {n} of them"),
              Event.own("sells {n} {o} at the {p}"),
              Event.own("uses {n} of them"),
              Event.own("leaves {n} {o} at the {p}"),
              Event.other("{M} takes {n} of them"),
              Event.other("{M} borrows {n} {o}")),
          List.of(
              "How many {o} does {N} have now?",
              "How many {o} does {N} have?",
              "How many {o} does {he} have in the end?"));

  /** There are things in a container. */
  static final Scene CONTAINER =
      new Scene(
          List.of(
              "There are {a} {o} in the {c}.",
              "The {c} holds {a} {o}.",
              "{N} has a {c} with {a} {o}."),
          List.of(
              Event.own("adds {n} {o}"),
              Event.own("puts {n} more in the {c}"),
              Event.own("puts in {n} more"),
              Event.other("{M} drops {n} more in the {c}")),
          List.of(
              Event.own("takes out {n} {o}"),
              Event.own("removes {n} of them"),
              Event.own("takes {n} from the {c}"),
              Event.other("{M} takes {n} of them")),
          List.of(
              "How many {o} are in the {c} now?",
              "How many {o} are there in the {c}?",
              "How many {o} are in the {c} in the end?"));

  /** Two people have things together. */
  static final Scene TWO_PEOPLE =
      new Scene(
          List.of("{N} and {M} have {a} {o}.", "{N} and {M} have {a} {o} together."),
          List.of(
              Event.other("{K} gives them {n} more"),
              Event.other("{K} brings them {n} {o}"),
              Event.other("they find {n} more")),
          List.of(Event.other("{K} takes {n} of them"), Event.other("they give {n} to {K}")),
          List.of(
              "How many {o} do they have together?",
              "How many {o} do they have now?",
              "How many {o} do they have in all?"));

  /** Two amounts to be added, and the questions that can follow. */
  static final List<String> TWO_PEOPLE_APART =
      List.of("{N} has {a} {o} and {M} has {b}.", "{N} has {a} {o}. {M} has {b} {o}.");

  static final List<String> TWO_CONTAINERS =
      List.of(
          "There are {a} {o} in the {c} and {b} in the {d}.",
          "The {c} holds {a} {o} and the {d} holds {b}.");

  static final List<String> TWO_CONTAINERS_QUESTIONS =
      List.of("How many {o} are there in all?", "How many {o} are there now?");

  static final String COMPARISON = "How many more {o} does {N} have than {M}?";

  /** A person who has two kinds of things, one of which does not matter. */
  static final List<String> TWO_KINDS =
      List.of("{N} has {a} {o} and {x} {u}.", "{N} has {x} {u} and {a} {o}.");

  static final List<String> SUM_DRILLS =
      List.of("What is {a} + {b}?", "What is {a} plus {b}?", "Compute {a} + {b}.");

  static final List<String> DIFFERENCE_DRILLS =
      List.of("What is {a} - {b}?", "What is {a} minus {b}?", "Compute {a} - {b}.");

  /** All words and signs, without digits and full stops, in the order of their characters. */
  static Set<String> words() {
    Set<String> words = new TreeSet<>();
    Stream.of(WOMEN, MEN, OBJECTS, CONTAINERS, PLACES).forEach(words::addAll);
    words.addAll(List.of("He", "he", "him", "She", "she", "her", "They"));
    words.addAll(List.of("+", "-", "=", "The", "answer", "is"));
    Stream<String> sentences =
        Stream.of(
                Stream.of(
                        CONNECTORS,
                        CONJUNCTIONS,
                        REMARKS,
                        TWO_PEOPLE_APART,
                        TWO_CONTAINERS,
                        TWO_CONTAINERS_QUESTIONS,
                        TWO_KINDS,
                        SUM_DRILLS,
                        DIFFERENCE_DRILLS,
                        List.of(COMPARISON))
                    .flatMap(Collection::stream),
                PERSON.sentences(),
                CONTAINER.sentences(),
                TWO_PEOPLE.sentences())
            .flatMap(all -> all);
    sentences.forEach(sentence -> words.addAll(wordsOf(sentence)));
    return words;
  }

  private static final Pattern WORD = Pattern.compile("\\{\\w+}|([A-Za-z]+)");

  /** The words of a text, without what stands in braces. */
  static List<String> wordsOf(String text) {
    Matcher matcher = WORD.matcher(text);
    return matcher.results().map(match -> match.group(1)).filter(word -> word != null).toList();
  }
}
