import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { comebackCommand } from '../../../apps/cli/comeback.js';
import { collectSetting, resolveConfig, wholeNumber } from '../../../apps/cli/command-context.js';
import { parseSwitches } from '../../../apps/cli/commands/loop-components.js';
import { feedbackEvent, type FeedbackFlags } from '../../../apps/cli/feedback-event.js';
import { stageText } from '../../../apps/cli/feedback-staging.js';
import { emptyDataFolder } from '../../../apps/cli/fresh.js';
import { summarizeDemo } from '../../../apps/cli/loop-report.js';
import { Output } from '../../../apps/cli/output.js';
import { faultLines, toFault } from '../../../apps/cli/render/error.js';
import { RatchetError } from '../../../config/errors.js';
import { acquireLock, supervisorLockFile } from '../../../workers/lock.js';
import { evaluation, round } from './sample-loop.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the command to come back with', () => {
  it('is the one that was typed, without what would start over', () => {
    const args = ['demo', '--fresh', '--yes', '--data', '/tmp/my data'];
    expect(comebackCommand(args, {})).toBe("npx ratchet demo --data '/tmp/my data'");
    expect(comebackCommand(args, { npm_lifecycle_event: 'start' })).toBe("npm start -- --data '/tmp/my data'");
    expect(comebackCommand(['demo', '--fresh'], { npm_lifecycle_event: 'start' })).toBe('npm start');
    expect(comebackCommand(['up'], { npm_lifecycle_event: 'ratchet' })).toBe('npm run ratchet -- up');
  });
});

describe('switches of components', () => {
  it('N3: name=on and name=off; anything else says what there is', () => {
    expect(parseSwitches(['curriculum=off', 'tuning=on'])).toEqual({ curriculum: false, tuning: true });
    expect(parseSwitches(['preferenceLearning=on'])).toEqual({ preferenceLearning: true });
    for (const wrong of ['curriculum', 'curriculum=yes', 'curriculums=on', '=on'])
      expect(() => parseSwitches([wrong])).toThrow(`"${wrong}" switches no component.`);
  });
});

describe('--fresh', () => {
  const fill = (...names: string[]) => {
    for (const name of names) {
      mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
      writeFileSync(path.join(folder, name), '');
    }
  };
  const options = { loop: 'demo', yes: false, interactive: false };

  it('removes what Ratchet wrote and nothing else', async () => {
    fill(
      'ratchet.duckdb',
      'temporal/temporal.db',
      'loops/demo/result.json',
      'logs/a.log',
      'run/config.json',
      'models/gpt2/model.safetensors',
      'thesis.tex',
    );
    await emptyDataFolder(folder, options);
    expect(readdirSync(folder).sort()).toEqual(['models', 'run', 'thesis.tex']);
    expect(readdirSync(path.join(folder, 'models'))).toEqual(['gpt2']);
    expect(readdirSync(path.join(folder, 'run'))).toEqual([]);
  });

  it("leaves a folder alone that is somebody else's, even with --yes", async () => {
    fill('models/mine.bin', 'logs/app.log', 'run/start.sh', 'src/a.ts');
    for (const yes of [false, true])
      await expect(emptyDataFolder(folder, { ...options, yes })).rejects.toMatchObject({
        code: 'E_DATA_FOLDER',
        message: `${folder} holds logs, but nothing says that Ratchet wrote them; --fresh removes nothing there.`,
      });
    expect(readdirSync(folder).sort()).toEqual(['logs', 'models', 'run', 'src']);
    expect(readdirSync(path.join(folder, 'logs'))).toEqual(['app.log']);
  });

  it('refuses to remove other loops unless that is confirmed', async () => {
    fill('loops/demo/a', 'loops/support/a', 'ratchet.duckdb');
    await expect(emptyDataFolder(folder, options)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: `--fresh would also remove the loop support from ${folder}.`,
    });
    expect(readdirSync(folder).sort()).toEqual(['loops', 'ratchet.duckdb']);
    await emptyDataFolder(folder, { ...options, yes: true });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('refuses while a process runs on the folder', async () => {
    mkdirSync(path.join(folder, 'run'));
    const attempt = acquireLock(supervisorLockFile(folder), {});
    await expect(emptyDataFolder(folder, options)).rejects.toMatchObject({ code: 'E_LOCKED' });
    if (attempt.acquired) attempt.lock.release();
    await emptyDataFolder(folder, options);
  });

  it('is content with a folder that is not there', async () => {
    await expect(emptyDataFolder(path.join(folder, 'none'), options)).resolves.toBeUndefined();
  });
});

describe('options', () => {
  it('read --set key=value, the value with any sign', () => {
    expect(collectSetting('loop.model=a=b', { 'loop.seed': '1' })).toEqual({ 'loop.seed': '1', 'loop.model': 'a=b' });
    expect(() => collectSetting('loop.seed')).toThrow('--set wants key=value, got "loop.seed".');
  });

  it('want whole numbers', () => {
    expect(wholeNumber('--rounds', 1)('12')).toBe(12);
    for (const text of ['0', '-1', '1.5', 'x', '', '1e3', '99999999999999999999']) {
      expect(() => wholeNumber('--rounds', 1)(text)).toThrow(
        `--rounds wants a whole number of at least 1, got "${text}".`,
      );
    }
  });

  it('lie above files; a named configuration lies above the base file and below a run file', async () => {
    const file = (name: string, seed: number, rounds: number) => {
      writeFileSync(path.join(folder, name), `loop:\n  seed: ${seed}\n  rounds: ${rounds}\n`);
      return path.join(folder, name);
    };
    const [base, config] = [file('base.yaml', 1, 1), file('config.yaml', 2, 2)];
    const seedOf = async (...args: Parameters<typeof resolveConfig>) => (await resolveConfig(...args)).config.loop.seed;
    expect(await seedOf({}, { baseFile: base })).toBe(1);
    expect(await seedOf({ config }, { baseFile: base })).toBe(2);
    expect(await seedOf({ config }, { runFile: base })).toBe(1);
    expect(await seedOf({ config, set: { 'loop.seed': '9' } }, { runFile: base })).toBe(9);
  });
});

describe('feedback add', () => {
  const flags: FeedbackFlags = {
    input: 'a',
    output: 'b',
    artifactType: 'erd',
    score: '85',
    model: 'm',
    ts: '2026-01-02T03:04:05+01:00',
  };
  const now = new Date('2026-11-21T00:00:00Z');

  it('makes an event whose id follows from its content', () => {
    const event = feedbackEvent(flags, now);
    expect(event).toMatchObject({ ts: '2026-01-02T02:04:05.000Z', feedback_type: 'SUCCESS', validation_score: 85 });
    expect(feedbackEvent(flags, new Date()).id).toBe(event.id);
    expect(feedbackEvent({ ...flags, output: 'c' }, now).id).not.toBe(event.id);
    expect(feedbackEvent({ ...flags, id: 'mine' }, now).id).toBe('mine');
  });

  it('infers the type from score and correction', () => {
    expect(feedbackEvent({ ...flags, score: '69.9' }, now).feedback_type).toBe('VALIDATION_FAILURE');
    expect(feedbackEvent({ ...flags, correction: 'c' }, now)).toMatchObject({
      feedback_type: 'USER_CORRECTION',
      corrected_output: 'c',
    });
    expect(feedbackEvent({ ...flags, type: 'EXPLICIT_NEGATIVE' }, now).feedback_type).toBe('EXPLICIT_NEGATIVE');
  });

  it.each([
    [{ score: '101' }, '--score wants a number from 0 to 100, got "101".'],
    [{ score: '' }, '--score wants a number from 0 to 100, got "".'],
    [{ ts: 'yesterday' }, '--ts wants an ISO 8601 time, got "yesterday".'],
    [
      { artifactType: 'poem' },
      '--artifact-type wants one of erd, code_prototype, architecture, sql_query; got "poem".',
    ],
  ])('names the wrong option in %o', (changes, message) => {
    expect(() => feedbackEvent({ ...flags, ...changes }, now)).toThrow(message);
  });

  it('lays the event into the data folder under the hash of its bytes', async () => {
    const staged = await stageText(folder, 'main', 'added.jsonl', '{}\n');
    expect(staged.uri).toBe('loops/main/imports/ca3d163bab055381/added.jsonl');
    expect(readdirSync(path.join(folder, path.dirname(staged.uri)))).toEqual(['added.jsonl']);
  });
});

describe('output', () => {
  const capture = (terminal: boolean, json: boolean, env: NodeJS.ProcessEnv = {}) => {
    let text = '';
    const stream = Object.assign(
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          text += chunk.toString();
          done();
        },
      }),
      { isTTY: terminal, columns: 20 },
    );
    return { output: new Output({ json, verbose: false, stream, env }), text: () => text };
  };

  it('keeps the live line below what is printed', () => {
    const { output, text } = capture(true, false);
    output.progress('one');
    output.line('done');
    output.progress('');
    expect(text()).toBe('\r\u001B[2Kone\r\u001B[2Kdone\none\r\u001B[2K');
  });

  it('prints nothing live into a pipe, and no colour with NO_COLOR', () => {
    const piped = capture(false, false);
    piped.output.progress('one');
    piped.output.object({ a: 1 });
    piped.output.line(piped.output.style.red('plain'));
    expect(piped.text()).toBe('plain\n');
    expect(capture(true, false, { NO_COLOR: '1' }).output.style.red('x')).toBe('x');
    expect(capture(true, false).output.style.red('x')).toBe('\u001B[31mx\u001B[39m');
  });

  it('prints a slow progress into a pipe four times a minute', () => {
    const piped = capture(false, false);
    for (const [second, message] of ['first', 'second', 'third'].entries())
      piped.output.slowProgress(message, second * 8000);
    expect(piped.text()).toBe('first\nthird\n');
    const live = capture(true, false);
    live.output.slowProgress('one');
    expect(live.text()).toBe('\r\u001B[2Kone');
  });

  it('lets nobody steer the terminal: control characters are written out, our own colours stay', () => {
    const hostile = '\u001B]0;title\u0007\u001B[2J\u009B31m\u007F a\tb\nc\r\nd\re';
    const shown = String.raw`\x1b]0;title\x07\x1b[2J\x9b31m\x7f` + ' a\tb\nc\r\nd' + String.raw`\x0de`;
    const piped = capture(false, false);
    piped.output.line(`${hostile}\u001B[31mred`);
    expect(piped.text()).toBe(`${shown}\\x1b[31mred\n`);
    const terminal = capture(true, false);
    terminal.output.line(terminal.output.style.yellow(hostile));
    expect(terminal.text()).toBe(`\u001B[33m${shown}\u001B[39m\n`);
    const live = capture(true, false);
    live.output.progress('\u001B[2J.txt');
    expect(live.text()).toBe('\r\u001B[2K\\x1b[2J.txt');
    const fault = toFault(new RatchetError('E_DATA_INVALID', hostile, { hint: hostile }));
    expect(faultLines(fault, piped.output.style, false)).toEqual([`error E_DATA_INVALID: ${shown}`, `hint: ${shown}`]);
  });

  it('prints JSON lines only with --json', () => {
    const { output, text } = capture(true, true);
    output.progress('one');
    output.line('text');
    output.object({ a: 1 });
    expect(text()).toBe('{"a":1}\n');
  });
});

describe('the summary of a demo', () => {
  it('has exactly the promised fields', () => {
    const result = {
      rounds: 2,
      labels: 224,
      baseline: [evaluation('erd', 1), evaluation('all', 40)],
      final: [evaluation('all', 80)],
      adapterSha256: 'ab',
      results: [round(1), round(2)],
    };
    expect(JSON.stringify(summarizeDemo({ result, seconds: 61.234 }))).toMatchInlineSnapshot(
      `"{"baseline":{"score":40,"successRate":0.2,"edgeScore":20},"final":{"score":80,"successRate":0.4,"edgeScore":40},"labels":224,"rounds":2,"seconds":61.2,"adapterSha256":"ab"}"`,
    );
  });
});
