import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FEEDBACK_TYPES, type FeedbackEvent, type RejectedRow } from '../../../config/domain.js';
import { loadFeedback } from '../../../datasets/feedback/load-feedback.js';
import { readRecords } from '../../../datasets/feedback/read-records.js';
import { validateFeedbackEvent } from '../../../datasets/feedback/validate-feedback-event.js';

const VALID = {
  id: 'e1',
  ts: '2026-01-05T10:00:00Z',
  input_data: 'a user has name.',
  ai_output: 'erDiagram',
  artifact_type: 'erd',
  model_used: 'base',
  validation_score: 85.5,
  feedback_type: 'SUCCESS',
  context: { rag: 'notes on users' },
};
const event = (changes: Record<string, unknown> = {}) => ({ ...VALID, ...changes });
const line = (changes: Record<string, unknown> = {}) => JSON.stringify(event(changes));

it('imports the example of every type of feedback, whose fields the documentation names', async () => {
  const root = path.resolve(import.meta.dirname, '../../..');
  const events: FeedbackEvent[] = [];
  const report = await loadFeedback(path.join(root, 'examples/feedback.jsonl'), {
    onEvents: (more) => void events.push(...more),
    onRejected: (rows) => expect(rows).toEqual([]),
  });
  expect(report).toMatchObject({ accepted: FEEDBACK_TYPES.length, warnings: [] });
  expect(events.map((each) => each.feedback_type)).toEqual([...FEEDBACK_TYPES]);
  const documentation = await readFile(path.join(root, 'docs/loop.md'), 'utf8');
  for (const field of new Set(events.flatMap((each) => Object.keys(each))))
    expect(documentation).toContain(`| \`${field}\` |`);
  const [shown] = /^\{"id":.*\}$/m.exec(documentation)!;
  expect(validateFeedbackEvent(JSON.parse(shown))).toHaveProperty('event');
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'feedback-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(
  content: string | Buffer,
  name = 'feedback.jsonl',
  options: { maxLineBytes?: number; batchSize?: number } = {},
) {
  const file = path.join(folder, name);
  await writeFile(file, content);
  const events: FeedbackEvent[] = [];
  const rejected: RejectedRow[] = [];
  const batches: number[] = [];
  const report = await loadFeedback(file, {
    ...options,
    onEvents: (batch) => {
      batches.push(batch.length);
      events.push(...batch);
    },
    onRejected: (rows) => void rejected.push(...rows),
  });
  return { report, events, rejected, batches };
}

describe('D8 loadFeedback', () => {
  it('reads JSONL with a byte order mark, CRLF, blank lines and no last line end', async () => {
    const { report, events } = await load(`\uFEFF${line()}\r\n\r\n   \n${line({ id: 'e2' })}`);
    expect(report).toEqual({ read: 2, accepted: 2, rejected: 0, warnings: [] });
    expect(events[0]).toEqual({ ...VALID, ts: '2026-01-05T10:00:00.000Z' });
  });

  it.each([
    ['an array', (items: unknown[]) => JSON.stringify(items)],
    ['a printed array', (items: unknown[]) => JSON.stringify(items, null, 2)],
    ['an object with events', (items: unknown[]) => JSON.stringify({ events: items })],
    [
      'a printed object with events',
      (items: unknown[]) => `\uFEFF${JSON.stringify({ events: items, version: 1 }, null, 4)}\n`,
    ],
  ])('reads JSON: %s', async (_, write) => {
    const items = [
      event({ input_data: 'brackets ]}, "quotes\\" and { commas, are text' }),
      event({ id: 'e2' }),
      { id: 7 },
    ];
    const { report, events, rejected } = await load(write(items), 'feedback.json');
    expect(report).toMatchObject({ read: 3, accepted: 2, rejected: 1 });
    expect(events.map(({ id }) => id)).toEqual(['e1', 'e2']);
    expect(events[0]!.input_data).toBe('brackets ]}, "quotes\\" and { commas, are text');
    expect(rejected[0]).toMatchObject({ source: 'feedback.json', field: 'id' });
  });

  it.each([
    [
      'arrays one after another',
      `[${line({ id: 'a' })}]\n [] [${line({ id: 'b' })},\n${line({ id: 'c' })}]\n`,
      'a b c',
      [],
    ],
    [
      'an array after an object',
      `{"events": [${line({ id: 'a' })}], "n": {"]": "}"}}[${line({ id: 'b' })}]`,
      'a b',
      [],
    ],
    ['text after an array', `[${line({ id: 'a' })}]\n\nx [${line({ id: 'b' })}]\n`, 'a', ['3: x [{"id":']],
    ['an event after an array', `[${line({ id: 'a' })}]${line({ id: 'b' })}`, 'a', ['1: {"id":"b"']],
    ['a bracket too many', `[${line({ id: 'a' })}], ${line({ id: 'b' })}]`, 'a', ['1: , {"id":"']],
    ['an object after an object', `{"events": []}\n{"events": [${line({ id: 'b' })}]}`, '', ['2: {"events"']],
    [
      'an object without its brace',
      `{"events": [${line({ id: 'a' })}], "n": 1,\n${line({ id: 'b' })}`,
      'a',
      ['1: , "n": 1,'],
    ],
    ['an object in an object', `{"events": [${line({ id: 'a' })}]\n{"events": []}`, 'a', ['2: {"events"']],
    [
      'an object with a brace for a bracket',
      `{"events": [${line({ id: 'a' })}}\n,${line({ id: 'b' })}]}`,
      'a',
      ['2: ,{"id":"b'],
    ],
  ])('neither loses nor takes for an event what follows an array: %s', async (_, content, ids, strays) => {
    const { report, events, rejected } = await load(content, 'feedback.json');
    expect(events.map(({ id }) => id).join(' ')).toBe(ids);
    expect(rejected.map(({ line: at, raw }) => `${at}: ${raw.slice(0, 9)}`)).toEqual(strays);
    expect(report).toMatchObject({ read: events.length + strays.length, rejected: strays.length });
    for (const { reason } of rejected) expect(reason).toBe('no record: stands after the end of the array');
  });

  it('knows the lines and places of what follows an array, wherever a chunk of the file ends', async () => {
    const file = path.join(folder, 'border.json');
    for (let shift = 0; shift < 12; shift++) {
      const parts = [`[{"x":"${'y'.repeat(262_144 - shift)}"}`, ']\n\n [', '{"b":1}', ',\n', '{"c":2}', ']\n', 'stray'];
      await writeFile(file, parts.join(''));
      const records = [];
      for await (const record of readRecords(file, 1000)) records.push(record);
      const offsets = parts.map((_, index) => parts.slice(0, index).join('').length);
      expect(records.map(({ line: at, offset, isStray }) => ({ at, offset, isStray }))).toEqual([
        { at: 1, offset: 1, isStray: false },
        { at: 3, offset: offsets[2], isStray: false },
        { at: 4, offset: offsets[4], isStray: false },
        { at: 5, offset: offsets[6], isStray: true },
      ]);
    }
  });

  it('accepts nothing and complains about nothing in empty files', async () => {
    for (const content of ['', '\n\n', '[]', '{"events": []}', '\uFEFF']) {
      expect((await load(content, 'empty.json')).report).toEqual({ read: 0, accepted: 0, rejected: 0, warnings: [] });
    }
  });

  it('rejects bad records with file, line, field and reason, and goes on', async () => {
    const { report, events, rejected } = await load(
      [
        line(),
        '{"id": "torn", "ts": "2026-',
        line({ id: '' }),
        line({ id: 'e4', ts: 'yesterday' }),
        line({ id: 'e5', ts: '2026-13-01T00:00:00Z' }),
        line({ id: 'e6', artifact_type: 'poem' }),
        line({ id: 'e7', feedback_type: 'LIKE' }),
        line({ id: 'e8', validation_score: 100.5 }),
        line({ id: 'e9', validation_score: '85' }),
        line({ id: 'e10' }).replace('85.5', 'NaN'),
        line({ id: 'e11', feedback_type: 'USER_CORRECTION' }),
        line({ id: 'e12', feedback_type: 'USER_CORRECTION', corrected_output: '  ' }),
        line({ id: 'e13', input_data: undefined }),
        line(),
        '[1, 2]',
        'null',
        line({ id: 'e17' }),
        '{"id": "e18"',
      ].join('\n'),
    );
    expect(events.map(({ id }) => id)).toEqual(['e1', 'e17']);
    expect(report).toMatchObject({ read: 18, accepted: 2, rejected: 16 });
    expect(rejected.map((row) => `${row.source}:${row.line} ${row.field}: ${row.reason}`)).toMatchInlineSnapshot(`
      [
        "feedback.jsonl:2 : not JSON from character 28 on",
        "feedback.jsonl:3 id: is empty",
        "feedback.jsonl:4 ts: is not an ISO 8601 time with a zone, such as 2026-11-21T14:05:00Z",
        "feedback.jsonl:5 ts: is not an ISO 8601 time with a zone, such as 2026-11-21T14:05:00Z",
        "feedback.jsonl:6 artifact_type: is not one of erd, code_prototype, architecture, sql_query",
        "feedback.jsonl:7 feedback_type: is not one of SUCCESS, VALIDATION_FAILURE, USER_CORRECTION, EXPLICIT_POSITIVE, EXPLICIT_NEGATIVE, EDIT, PREFERENCE, THUMBS_UP, THUMBS_DOWN, IMPLICIT",
        "feedback.jsonl:8 validation_score: is above 100",
        "feedback.jsonl:9 validation_score: is not a number",
        "feedback.jsonl:10 : not JSON: NaN is no number there",
        "feedback.jsonl:11 corrected_output: is missing",
        "feedback.jsonl:12 corrected_output: a USER_CORRECTION needs the corrected text",
        "feedback.jsonl:13 input_data: is missing",
        "feedback.jsonl:14 id: duplicate of the event on line 1",
        "feedback.jsonl:15 : not a JSON object",
        "feedback.jsonl:16 : not a JSON object",
        "feedback.jsonl:18 : torn record: the file ends inside it",
      ]
    `);
    expect(rejected[0]!.raw).toBe('{"id": "torn", "ts": "2026-');
  });

  it('R1: reads edits, comparisons, thumbs and actions with their source, and says what is missing or too much', async () => {
    const { events, rejected } = await load(
      [
        line({ id: 'e1', feedback_type: 'EDIT', corrected_output: 'b', source: 'ada' }),
        line({ id: 'e2', feedback_type: 'PREFERENCE', rejected_output: 'worse' }),
        line({ id: 'e3', feedback_type: 'THUMBS_DOWN' }),
        line({ id: 'e4', feedback_type: 'IMPLICIT', implicit_action: 'regenerated' }),
        line({ id: 'e5', feedback_type: 'EDIT' }),
        line({ id: 'e6', feedback_type: 'PREFERENCE', rejected_output: event().ai_output }),
        line({ id: 'e7', feedback_type: 'IMPLICIT' }),
        line({ id: 'e8', feedback_type: 'IMPLICIT', implicit_action: 'liked' }),
        line({ id: 'e9', rejected_output: 'worse' }),
        line({ id: 'e10', implicit_action: 'used' }),
        line({ id: 'e11', source: '' }),
      ].join('\n'),
    );
    expect(events).toMatchObject([
      { id: 'e1', corrected_output: 'b', source: 'ada' },
      { id: 'e2', rejected_output: 'worse' },
      { id: 'e3', feedback_type: 'THUMBS_DOWN' },
      { id: 'e4', implicit_action: 'regenerated' },
    ]);
    expect(Object.keys(events[2]!)).not.toContain('source');
    expect(rejected.map((row) => `${row.field}: ${row.reason}`)).toEqual([
      'corrected_output: is missing',
      'rejected_output: a PREFERENCE needs another answer that the user likes less',
      'implicit_action: is missing',
      'implicit_action: is not one of used, kept, abandoned, regenerated',
      'rejected_output: only a PREFERENCE has another answer',
      'implicit_action: only IMPLICIT feedback has an action',
      'source: is empty',
    ]);
  });

  it('names the byte of invalid UTF-8, also of a cut character', async () => {
    const good = Buffer.from(`${line()}\n`);
    const bad = Buffer.from(line({ id: 'e2', model_used: 'm§' }));
    const at = bad.indexOf(0xc2);
    bad[at + 1] = 0x41;
    const { rejected, report } = await load(
      Buffer.concat([good, bad, Buffer.from(`\n${line({ id: 'e3' })}\n{"a":"`), Buffer.from([0xe2, 0x82])]),
    );
    expect(report).toMatchObject({ accepted: 2, rejected: 2 });
    expect(rejected[0]).toMatchObject({ line: 2, reason: `invalid UTF-8 at byte ${good.length + at + 1} of the file` });
    expect(rejected[1]).toMatchObject({
      line: 4,
      reason: expect.stringMatching(/^invalid UTF-8 at byte \d+ of the file$/),
    });
  });

  it('rejects an over-long line by its length and keeps 4,096 characters of it', async () => {
    const long = line({ id: 'long', ai_output: 'x'.repeat(10_000_000) });
    const before = process.memoryUsage().arrayBuffers;
    const { rejected, report, events } = await load(`${line()}\n${long}\n${line({ id: 'e3' })}\n`);
    expect(report).toMatchObject({ read: 3, accepted: 2, rejected: 1 });
    expect(events.map(({ id }) => id)).toEqual(['e1', 'e3']);
    expect(rejected[0]).toMatchObject({ line: 2, reason: `record of ${long.length} bytes; at most 1048576 are read` });
    expect(rejected[0]!.raw).toHaveLength(4096);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40_000_000);
    const inArray = await load(`[${line()},\n${long},\n${line({ id: 'e3' })}]`, 'long.json');
    expect(inArray.report).toMatchObject({ read: 3, accepted: 2, rejected: 1 });
    expect(inArray.rejected[0]).toMatchObject({ line: 2 });
  });

  it('counts a line of exactly the limit as short enough', async () => {
    const text = line();
    expect((await load(text, 'a.jsonl', { maxLineBytes: Buffer.byteLength(text) })).report.accepted).toBe(1);
    expect((await load(text, 'a.jsonl', { maxLineBytes: Buffer.byteLength(text) - 1 })).report.rejected).toBe(1);
  });

  it('warns of scores on a scale of 1, but not of 0', async () => {
    const { report } = await load(
      [0, 0.85, 1, 1.01].map((validation_score, id) => line({ id: `e${id}`, validation_score })).join('\n'),
    );
    expect(report.accepted).toBe(4);
    expect(report.warnings).toHaveLength(2);
    expect(report.warnings[0]).toBe(
      'feedback.jsonl:2: validation_score 0.85 is at most 1; scores go from 0 to 100, is this one on a scale of 1?',
    );
  });

  it('hands over in batches, in order, over chunk borders', async () => {
    const lines = Array.from({ length: 2500 }, (_, index) =>
      line({ id: `e${index}`, input_data: `größe ${'ü'.repeat(index % 97)}` }),
    );
    const { report, events, batches } = await load(lines.join('\n'), 'many.jsonl', { batchSize: 1000 });
    expect(report.accepted).toBe(2500);
    expect(batches).toEqual([1000, 1000, 500]);
    expect(events.map(({ id }) => id)).toEqual(Array.from({ length: 2500 }, (_, index) => `e${index}`));
  });

  it('hands long rejected rows over before they fill the memory', async () => {
    const bad = Array.from({ length: 10 }, (_, index) => line({ id: `e${index}`, ts: 'x'.repeat(100_000) }));
    const file = path.join(folder, 'bad.jsonl');
    await writeFile(file, bad.join('\n'));
    const pieces: number[] = [];
    const onRejected = (rows: RejectedRow[]) => void pieces.push(rows.length);
    await loadFeedback(file, { onEvents: () => undefined, onRejected, batchBytes: 50_000 });
    expect(pieces).toEqual([4, 4, 2]);
  });

  it('survives deep nesting', async () => {
    const { report } = await load(`${'['.repeat(200_000)}\n{"id":${'['.repeat(100_000)}\n${line()}`);
    expect(report.accepted + report.rejected).toBe(report.read);
    expect(report.rejected).toBeGreaterThan(0);
  });

  it('says when there is no file', async () => {
    const nothing = { onEvents: () => {}, onRejected: () => {} };
    await expect(loadFeedback(path.join(folder, 'absent'), nothing)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    await expect(loadFeedback(folder, nothing)).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
  });
});

describe('D8 validateFeedbackEvent', () => {
  it('normalises time zones, absent context and null correction, and drops unknown fields', () => {
    expect(
      validateFeedbackEvent(
        event({ ts: '2026-01-05T12:00:00+02:00', context: undefined, corrected_output: null, extra: 1 }),
      ),
    ).toEqual({ event: { ...VALID, ts: '2026-01-05T10:00:00.000Z', context: {} } });
  });

  it.each(['', ' \n'])(
    'takes %j for an absent correction, and for an absent other answer unless answers are compared',
    (blank) => {
      expect(validateFeedbackEvent(event({ corrected_output: blank, rejected_output: blank }))).toEqual({
        event: { ...VALID, ts: '2026-01-05T10:00:00.000Z' },
      });
      expect(validateFeedbackEvent(event({ feedback_type: 'PREFERENCE', rejected_output: blank }))).toMatchObject({
        event: { rejected_output: blank },
      });
      for (const feedback_type of ['EDIT', 'USER_CORRECTION'])
        expect(validateFeedbackEvent(event({ feedback_type, corrected_output: blank }))).toMatchObject({
          field: 'corrected_output',
          reason: expect.stringContaining('needs the corrected text'),
        });
    },
  );

  it.each([
    [event({ validation_score: Number.NaN }), 'validation_score'],
    [event({ validation_score: -0.1 }), 'validation_score'],
    [event({ validation_score: Infinity }), 'validation_score'],
    [event({ ts: '2026-01-05 10:00' }), 'ts'],
    [event({ context: { rag: 3 } }), 'context.rag'],
    [event({ ai_output: '\uD800' }), 'ai_output'],
    [event({ id: 'x'.repeat(201) }), 'id'],
    [null, ''],
    ['text', ''],
    [[VALID], ''],
  ])('refuses %#', (value, field) => {
    expect(validateFeedbackEvent(value)).toEqual({ field, reason: expect.any(String) });
  });

  it('takes future times and empty answers', () => {
    expect(validateFeedbackEvent(event({ ts: '2999-01-01T00:00:00Z', ai_output: '' }))).toHaveProperty('event');
  });
});
