import { describe, expect, it } from 'vitest';
import { compileChatTemplate, type ChatMessage } from '../../../engine/chat/chat-template.js';
import { formatTime } from '../../../engine/chat/format-time.js';

// All expected texts: render_jinja_template of transformers 5.23.0 (Jinja2 3.1.6).

const variables = {
  s: 'Hello Wörld 🙂',
  l: [3, 1, 2],
  d: { b: 1, a: [true, null, 1.5, "<&'>\u2028é"] },
  ms: [
    { role: 'user', content: 'hi', w: 1 },
    { role: 'assistant', content: null },
    { role: 'tool', content: 'ok' },
  ],
  q: 'it\'s "q" \\ \t \x07 \x7f \u200b',
  nested: { items: 1, get: 2 },
};
const render = (source: string, messages: ChatMessage[] = []): string =>
  compileChatTemplate(source).render(messages, { variables });

describe('filters are those of Jinja', () => {
  it.each([
    [
      "{{ ms | selectattr('role', '==', 'user') | list | length }}{{ ms | selectattr('role', 'in', ['user', 'tool']) | list | length }}",
      '12',
    ],
    [
      "{{ ms | selectattr('w', 'undefined') | list | length }}{{ ms | rejectattr('w') | map(attribute='role') | list }}",
      "2['assistant', 'tool']",
    ],
    [
      "{{ l | select('gt', 1) | list }}{{ l | reject('odd') | list }}{{ [0, 1, none, ''] | select | list }}",
      '[3, 2][2][1]',
    ],
    [
      "{{ ['a', 1, none, true] | join(',') }} {{ d | join(',') }} {{ ms | join(',', attribute='role') }}",
      'a,1,None,True b,a user,assistant,tool',
    ],
    [
      "{{ l | map('string') | join('+') }} {{ ms | map(attribute='w', default=9) | list }} {{ [' a '] | map('trim') | list }}",
      "3+1+2 [1, 9, 9] ['a']",
    ],
    [
      '{{ l | sum }}{{ l | min }}{{ l | max }}{{ l | count }}{{ s | reverse }}{{ s | first }}{{ d | list }}',
      "6133🙂 dlröW olleHH['b', 'a']",
    ],
    ["{{ s | title }} {{ \"they're x-y z_w\" | title }} {{ missing | d('y') }}", "Hello Wörld 🙂 They're X-Y Z_w y"],
    ['{{ missing | length }}|{{ missing | list }}|{{ missing | join }}|{{ missing | upper }}|', '0|[]|||'],
  ])('%s', (source, text) => {
    expect(render(source)).toBe(text);
  });

  it('tojson is json.dumps', () => {
    expect(render('{{ d | tojson }}')).toBe('{"b": 1, "a": [true, null, 1.5, "<&\'>\u2028é"]}');
    expect(render('{{ d | tojson(sort_keys=true, ensure_ascii=true, separators=(",", ":")) }}')).toBe(
      String.raw`{"a":[true,null,1.5,"<&'>\u2028\u00e9"],"b":1}`,
    );
    expect(render("{{ {'a': [], 'b': [1]} | tojson(indent=2) }}")).toBe('{\n  "a": [],\n  "b": [\n    1\n  ]\n}');
    expect(render("{{ {'a': 1} | tojson(indent=0) }} {{ (1, 2.0) | tojson }}")).toBe('{\n"a": 1\n} [1, 2.0]');
    expect(() => render('{{ missing | tojson }}')).toThrow('not JSON serializable');
  });
});

describe('values are those of Python', () => {
  it.each([
    ['{{ [q] }}', String.raw`['it\'s "q" \\ \t \x07 \x7f \u200b']`],
    ['{{ 0.00001 }} {{ 1.0 }} {{ -7.5 % 2 }} {{ 7 / 2 }}', '1e-05 1.0 0.5 3.5'],
    [
      '{{ d is iterable }}{{ d is sequence }}{{ true is number }}{{ s is mapping }}{{ 2.5 is float }}',
      'TrueTrueTrueFalseTrue',
    ],
    [
      "{{ s.rsplit('l', 1) }}{{ s.find('W') }}{{ s.find('z') }}{{ s.count('l') }}{{ 'a🙂b'.index('b') }}",
      "['Hello Wör', 'd 🙂']6-132",
    ],
    [
      "{{ 'a\x1cb\x85c\ufeffd'.split() }}{{ 'a b c'.split(none, 1) }}{{ 'a b  c '.rsplit(none, 1) }}",
      "['a', 'b', 'c\\ufeffd']['a', 'b c']['a b', 'c']",
    ],
    ["{{ 'a\r\nb\n'.splitlines() }}{{ 'abc'.removeprefix('a') }}{{ ','.join(['a', 'b']) }}", "['a', 'b']bca,b"],
    ["{{ 'a' in missing }}{{ missing in ['a'] }}{{ [1, 2] < [1, 3] }}{{ [1] in [[1]] }}", 'FalseFalseTrueTrue'],
    ["{% for m in missing %}x{% endfor %}{% for c in 'a🙂' %}{{ c }}.{% endfor %}", 'a.🙂.'],
    [
      '{% for k, v in nested.items() %}{{ k }}{{ v }}{% endfor %}{{ nested["items"] }}{{ nested[l] is defined }}',
      'items1get21False',
    ],
  ])('%s', (source, text) => {
    expect(render(source)).toBe(text);
  });

  it.each([
    ['{{ missing.x }}', "'missing' is undefined"],
    ['{{ ms[0].tool_calls[0].name }}', "'tool_calls' is undefined"],
    ["{{ 'a' + 1 }}", 'cannot be added'],
    ['{{ 1 // 0 }}', 'division by zero'],
    ["{{ 'abc'.index('z') }}", 'substring not found'],
    ["{{ ''.split('') }}", 'empty separator'],
    ['{{ strftime_now("%Q") }}', 'strftime_now does not support %Q'],
  ])('faults are faults: %s', (source, reason) => {
    expect(() => render(source)).toThrow(reason);
  });

  it('evaluates an operand once, however deep it lies', () => {
    const chain = Array.from({ length: 40 }, () => 'l[0]').join(' + ');
    expect(render(`{{ ${chain} }}`)).toBe('120');
  });
});

describe('what transformers gives to a template', () => {
  it('names reasoning in each way', () => {
    const source = '{{ messages[0].reasoning_content }}{{ messages[0].thinking }}';
    expect(render(source, [{ role: 'assistant', content: '', reasoning: 'r' }])).toBe('rr');
  });

  it('formats the time', () => {
    const time = new Date(2024, 6, 5, 9, 8, 7);
    expect(formatTime(time, '%d %b %Y %B %A %H:%M:%S %y-%m %I%p %%')).toBe(
      '05 Jul 2024 July Friday 09:08:07 24-07 09AM %',
    );
  });

  it('has the same day on every day unless it is told one', () => {
    const template = compileChatTemplate('{{ strftime_now("%d %b %Y") }}');
    expect(template.render([])).toBe('26 Jul 2024');
    expect(template.render([], { now: new Date(2026, 10, 23) })).toBe('23 Nov 2026');
  });
});
