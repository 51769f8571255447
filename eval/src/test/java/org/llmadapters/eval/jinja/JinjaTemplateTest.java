package org.llmadapters.eval.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.llmadapters.graph.FormatException;

/** Expected texts are what Jinja2 3.1, set up as transformers does, makes of these templates. */
final class JinjaTemplateTest {

  private static final Path FILE = Path.of("chat.jinja");

  private static final Map<String, Object> VARIABLES =
      Map.of(
          "s", "  Hello World \u00e9\ud83d\ude00 ",
          "n", 7L,
          "list", List.of(3L, 1L, 2L),
          "map", Map.of("b", 1L),
          "messages",
              List.of(
                  Map.of("role", "system", "content", " Be brief. "),
                  Map.of("role", "user", "content", "2 + 3 {{ 7*7 }}?")));

  /** A template and what it gives, a line each. */
  private static final String EXPRESSIONS =
      """
      {{ 1 + 2 * 3 - 4 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ -n }}
      3 3 -4 2 -7
      {{ 'a' * 3 ~ 1 ~ none ~ true }}
      aaa1NoneTrue
      {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'ab' < 'b' }} {{ 2 >= 2 }} {{ 2 != 2 }}
      True False True True False
      {{ 'a' in 'abc' }} {{ 'z' not in map }} {{ 3 in list }} {{ 'b' in map }} {{ 'a' in nothing }}
      True True True True False
      {{ not 1 == 2 }} {{ true == 1 }} {{ 'a' == 1 }} {{ messages[0] == messages[0] }}
      True True False True
      {{ 'a' if n > 5 else 'b' }}{{ 'a' if n > 9 }}{{ none or 'b' }}{{ 'a' and 'b' }}
      abb
      {{ 'x' "y" }} {{ 'it\\'s \\x41\\u00e9\\q' }}
      xy it's A\u00e9\\q
      {{ (1, 2)[1] }} {{ [1, [2, 3],] | length }} {{ {'a': {'b': 5}}['a'].b }}
      2 2 5
      [{{ nothing }}] {{ nothing is defined }} {{ nothing is none }} {{ nothing == other }}
      [] False False True
      {{ list[-1] }}[{{ list[9] }}]{{ s[2] }}{{ s[2:5] }}{{ s[-3:-1] }}
      2[]HHel\u00e9\ud83d\ude00
      {{ list[::-1] | join(', ') }} {{ list[1:] | join }} {{ list[2:0:-1] | join }} {{ list[::2] | join }}
      2, 1, 3 12 21 32
      {{ s | length }} {{ '[' ~ s.strip() ~ '|' ~ s.lstrip() ~ '|' ~ s.rstrip() ~ ']' }}
      17 [Hello World \u00e9\ud83d\ude00|Hello World \u00e9\ud83d\ude00 |  Hello World \u00e9\ud83d\ude00]
      {{ 'xxaxx'.strip('x') }} {{ 'xxaxx'.lstrip('x') }} {{ 'xxaxx'.rstrip('x') }} {{ ' a ' | trim }}
      a axx xxa a
      {{ 'a,b,c'.split(',', 1)[1] }} {{ ' a  b '.split() | join('-') }} {{ 'aXbX'.split('X') | length }}
      b,c a-b 3
      {{ 'hello'.startswith('he') }} {{ 'hello'.endswith(('x', 'lo')) }} {{ 'hello'.startswith('lo') }}
      True True False
      {{ 'hello'.replace('l', 'LL') }} {{ 'hELLO'.capitalize() }} {{ 'x' | upper }} {{ 'X'.lower() }}
      heLLLLo Hello X x
      {{ map.get('b') }} {{ map.get('z', 5) }} {{ map.z is defined }} {{ map.items() | length }}
      1 5 False 1
      {{ x | default('d') }} {{ '' | default('e', true) }} {{ none | default('f') }}
      d e None
      {{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', 'equalto', 'user') | map(attribute='role') | join }}
      1 system
      {{ range(3) | join }} {{ range(1, 4) | join }} {{ range(5, 0, -2) | join(' ') }}
      012 123 5 3 1
      {{ n is odd }} {{ s is string }} {{ n is not none }} {{ map is mapping }} {{ 'a' is not equalto 'b' }} {{ 'x' is in ['x'] }}
      True True True True True True
      {{ {'a': [1, "\u00e9\\"\\n", true, none]} | tojson }} {{ [] | tojson }}
      {"a": [1, "\u00e9\\"\\n", true, null]} []
      {{ list | first }}{{ list | last }}{{ 'abc' | reverse }}{{ 'abc' | last }}
      32cbac
      {% for x in list if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }}{{ ' ' if not loop.last }}{% endfor %}
      1/2:3 2/2:2
      {% for k, v in map.items() %}{{ k }}={{ v }}{% endfor %}{% for x in [] %}x{% else %} none{% endfor %}
      b=1 none
      {% for x in list %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.first }} {% endfor %}.
      031True 1232False 211False .
      {% for x in list %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %} {% for x in list %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}
      32 3
      {% set y = 1 %}{% for x in list %}{% set y = y + x %}{{ y }} {% endfor %}{{ y }}
      4 2 3 1
      {% for x in list %}{{ y }}{% set y = x %}{% endfor %}[{{ y }}]
      []
      {% set ns = namespace(t=0) %}{% for x in list %}{% set ns.t = ns.t + x %}{% endfor %}{{ ns.t }}
      6
      {% set z %}a{{ n }}{% endset %}{{ z | upper }} {% generation %}in{{ n }}{% endgeneration %}
      A7 in7
      {{ '}}' }} {{ '%}' }} {{ {'a': '}}'}['a'] }} {{ messages[1].content }}
      }} %} }} 2 + 3 {{ 7*7 }}?
      {% if n > 9 %}a{% elif n > 5 and not (n == 6 or false) %}b{% else %}c{% endif %}{# {{ #}
      b
      """;

  static Stream<Arguments> expressions() {
    List<String> lines = EXPRESSIONS.lines().toList();
    return Stream.iterate(0, i -> i < lines.size(), i -> i + 2)
        .map(i -> Arguments.of(lines.get(i), lines.get(i + 1)));
  }

  @ParameterizedTest
  @MethodSource("expressions")
  void evaluatesAsJinjaDoes(String template, String expected) {
    assertThat(render(template)).isEqualTo(expected);
  }

  static Stream<Arguments> whiteSpace() {
    return Stream.of(
        Arguments.of(
            "  {% if true %}\n  a\n  {% endif %}\n b {% if true %}c{% endif %} \n", "  a\n b c "),
        Arguments.of("{# c #}\nx\n  {# c #}  y\n\t{#- d -#}\n z\n\n", "x\n  yz\n"),
        Arguments.of("a\n  {%+ if true %}x{% endif +%}\ny", "a\n  x\ny"),
        Arguments.of("{% if true -%}\n\n  a  \n {%- endif %}\n\nend\n", "a\nend"),
        Arguments.of("{{ n }}\n{{ n }}\n\n", "7\n7\n"),
        Arguments.of("  {{ n }}  \n  {%- set q = 1 -%}  \n  {{ q }}\n", "  71"),
        Arguments.of("{% set a = 'x' %}\n{% set b = 'y' %}  \n{{ a }}", "  \nx"),
        Arguments.of("\r\n{% if true %}\r\nx\r\n{% endif %}\r\n", "\nx\n"),
        Arguments.of("a {# x #} {% if true %} b {% endif %} c", "a   b  c"),
        Arguments.of("{{ n -}} \n x{{- ' a' -}}   y", "7x ay"),
        Arguments.of("{", "{"),
        Arguments.of("", ""));
  }

  @ParameterizedTest
  @MethodSource("whiteSpace")
  void keepsTheWhiteSpaceThatJinjaKeeps(String template, String expected) {
    assertThat(render(template)).isEqualTo(expected);
  }

  @Test
  void indentsJsonAsPythonDoes() {
    assertThat(render("{{ {'a': [1, {}], 'b': []} | tojson(indent=2) }}"))
        .isEqualTo("{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
  }

  static Stream<Arguments> malformed() {
    return Stream.of(
        Arguments.of("\n{{ n", "line 2: the tag does not end; expected }}"),
        Arguments.of("{{ 'n }}", "line 1: the text in quotes does not end"),
        Arguments.of("{{ n + }}", "line 1: got the end of the tag, }}, expected a value"),
        Arguments.of("{{ n m }}", "line 1: got \"m\", expected the end of the tag, }}"),
        Arguments.of("{{ 1.5 }}", "line 1: numbers with a fraction are not supported"),
        Arguments.of("{{ a ? b }}", "line 1: the character \"?\" has no meaning in a tag"),
        Arguments.of("{% if n %}x", "line 1: got the end of the template, expected \"endif\""),
        Arguments.of(
            "a\n{% endif %}",
            "line 2: the tag \"endif\" is not supported;"
                + " expected if, for, set, break, continue or generation"),
        Arguments.of(
            "{% macro f() %}{% endmacro %}",
            "line 1: the tag \"macro\" is not supported;"
                + " expected if, for, set, break, continue or generation"),
        Arguments.of("{% break %}", "line 1: break is outside of a loop"),
        Arguments.of("{# x", "line 1: the comment {# does not end; expected #}"),
        Arguments.of(
            "{{ " + "1 + ".repeat(2000) + "1 }}",
            "line 1: the expression has more than 1000 parts"),
        Arguments.of(
            "{{ " + "(".repeat(999) + "1" + ")".repeat(999) + " }}",
            "line 1: the expression has more than 1000 parts"),
        Arguments.of("{% if n %}".repeat(60), "line 1: tags are nested more than 50 deep"),
        Arguments.of(
            "{% if n %}" + "{% elif n %}".repeat(60) + "{% endif %}",
            "line 1: tags are nested more than 50 deep"));
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void saysWhatIsWrongWithATemplate(String template, String problem) {
    assertThatThrownBy(() -> JinjaTemplate.parse(FILE, template))
        .isInstanceOf(FormatException.class)
        .hasMessage("chat.jinja: " + problem);
  }

  static Stream<Arguments> refused() {
    return Stream.of(
        Arguments.of("\n{{ raise_exception('no ' ~ n) }}", "line 2 of the template: no 7"),
        Arguments.of(
            "{{ nothing.x }}", "line 1 of the template: \"nothing\" is undefined and has no \"x\""),
        Arguments.of("{{ 'a' + 1 }}", "line 1 of the template: + does not go between \"a\" and 1"),
        Arguments.of(
            "{{ 'a' + none }}", "line 1 of the template: + does not go between \"a\" and None"),
        Arguments.of(
            "{{ strftime_now('%Y') }}",
            "line 1 of the template: undefined \"strftime_now\" cannot be called"),
        Arguments.of(
            "{{ n | foo }}", "line 1 of the template: the filter \"foo\" is not supported"),
        Arguments.of("{{ n is foo }}", "line 1 of the template: the test \"foo\" is not supported"),
        Arguments.of(
            "{{ s.format(1) }}", "line 1 of the template: a text's format() is not supported"),
        Arguments.of(
            "{{ s.getClass() }}", "line 1 of the template: a text's getClass() is not supported"),
        Arguments.of(
            "{{ map.getClass() }}", "line 1 of the template: a map's getClass() is not supported"),
        Arguments.of(
            "{{ list.class.name }}",
            "line 1 of the template: \"class\" is undefined and has no \"name\""),
        Arguments.of(
            "{{ messages }}",
            "line 1 of the template: cannot write a list; expected text or a number"),
        Arguments.of(
            "{% set map.b = 1 %}",
            "line 1 of the template: \"map\" is no namespace, \"b\" of it cannot be set"),
        Arguments.of(
            "{% for a, b in list %}{% endfor %}",
            "line 1 of the template: cannot go through 3; expected a list"),
        Arguments.of("{{ 1 // 0 }}", "line 1 of the template: 1 // 0 has no result"));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void saysWhyATemplateCannotBeRendered(String template, String problem) {
    assertThatThrownBy(() -> render(template))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("chat.jinja: " + problem);
  }

  static Stream<Arguments> endless() {
    String doubling = "{% set ns = namespace(x='ab') %}{% for i in range(60) %}";
    return Stream.of(
        Arguments.of(
            doubling + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            "a text has more than 16777216 characters"),
        Arguments.of(
            doubling + "{% set ns.x = ns.x.replace('a', ns.x) %}{% endfor %}",
            "a text has more than 16777216 characters"),
        Arguments.of("{{ 'a' * 999999999999 }}", "a text has more than 16777216 characters"),
        Arguments.of(
            "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            "a list has more than 1048576 elements"),
        Arguments.of("{{ range(999999999) }}", "a list has more than 1048576 elements"),
        Arguments.of(
            "{% for i in range(999999) %}{% for j in range(999999) %}{% endfor %}{% endfor %}",
            "takes more than 10000000 steps"),
        Arguments.of(
            "{% for i in range(99999) %}{% for j in range(99999) %}{{ 'a' * 999 }}{% endfor %}{% endfor %}",
            "a text has more than 16777216 characters"),
        Arguments.of(
            "{% set a = 'a' * 9999999 %}{% for i in range(99999) %}{{ a == a ~ '' }}{% endfor %}",
            "takes more than 10000000 steps"),
        Arguments.of(
            "{% set a = 'a' * 999999 %}{{ (a ~ 'b') in (a ~ a) }}",
            "takes more than 10000000 steps"));
  }

  @ParameterizedTest
  @MethodSource("endless")
  void givesUpOnWhatTakesTooMuch(String template, String problem) {
    assertThatThrownBy(() -> render(template))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("chat.jinja: line 1 of the template: " + problem);
  }

  private static String render(String template) {
    return JinjaTemplate.parse(FILE, template).render(VARIABLES);
  }
}
