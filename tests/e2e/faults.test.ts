import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jsonLines, ratchet, ROOT } from './ratchet.js';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'ratchet-faults-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

describe('a wrong command line exits 2', () => {
  it.each([
    [
      ['demo', '--round', '3'],
      "error E_USAGE: unknown option '--round'\nhint: Did you mean --rounds? See `ratchet --help`.\n",
    ],
    [
      ['demo', '--rounds', 'many'],
      'error E_USAGE: --rounds wants a whole number of at least 1, got "many".\nhint: See --help for examples.\n',
    ],
    [['dmo'], "error E_USAGE: unknown command 'dmo'\nhint: Did you mean demo? See `ratchet --help`.\n"],
    [['feedback', 'import'], "error E_USAGE: missing required argument 'file'\nhint: See `ratchet --help`.\n"],
    [
      ['up', '--set', 'x'],
      'error E_USAGE: --set wants key=value, got "x".\nhint: For example: --set loop.seed=3; docs/configuration.md describes every key.\n',
    ],
  ])('%j', async (args, stderr) => {
    expect(await ratchet(args, { cwd })).toEqual({ code: 2, stdout: '', stderr });
  });

  it('without a command prints the help', async () => {
    const { code, stderr } = await ratchet([], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('Usage: ratchet [options] [command]');
  });

  it('with --json prints the error as one JSON line', async () => {
    const { code, stdout, stderr } = await ratchet(['demo', '--json', '--bogus'], { cwd });
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    expect(jsonLines(stdout)).toEqual([
      { error: { code: 'E_USAGE', message: "unknown option '--bogus'", hint: 'See `ratchet --help`.' } },
    ]);
  });
});

describe('a wrong temporal.yaml', () => {
  it('lists every fault with file, line and column', async () => {
    writeFileSync(
      path.join(cwd, 'temporal.yaml'),
      'loop:\n  sed: 3\n  minFeedback: 0\n  training:\n    learningRate: fast\nserver:\n  port: 99999\n',
    );
    const { code, stdout, stderr } = await ratchet(['doctor'], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatchInlineSnapshot(`
      "error E_CONFIG_INVALID: 4 faults in the configuration:
        temporal.yaml:2:3 loop.sed: unknown key; did you mean "seed"?
        temporal.yaml:3:3 loop.minFeedback: must be integer ≥ 1, got 0
        temporal.yaml:5:5 loop.training.learningRate: must be number > 0, got the text "fast"
        temporal.yaml:7:3 server.port: must be integer ≥ 0 and ≤ 65535, got 99999
      hint: Correct these keys; every key is described in docs/configuration.md.
      "
    `);
  });

  it('is found before anything starts', async () => {
    writeFileSync(path.join(cwd, 'temporal.yaml'), 'loop: [');
    const { code, stderr } = await ratchet(['demo', '--data', 'data'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('E_CONFIG_INVALID');
    expect(stderr).not.toContain('    at ');
  });
});

describe('other faults', () => {
  it('a configuration file that is not there exits 6', async () => {
    const { code, stderr } = await ratchet(['doctor', '--config', 'none.yaml'], { cwd });
    expect(code).toBe(6);
    expect(stderr).toContain('error E_NOT_FOUND: no configuration file none.yaml\nhint: ');
  });

  it.each([
    ['loop', 'status'],
    ['loop', 'start'],
    ['feedback', 'import', 'any.jsonl'],
  ])('%s %s exits 5 where nothing runs, and says how to start it', async (...args) => {
    writeFileSync(path.join(cwd, 'any.jsonl'), '');
    const { code, stderr } = await ratchet([...args, '--data', 'data'], { cwd });
    expect(code).toBe(5);
    expect(stderr).toMatch(/^error E_SERVER_UNAVAILABLE: Nothing runs on the data folder .*data\.\nhint: .*ratchet up/);
  });

  it.each([
    [['feedback', 'import', 'none.jsonl'], 6, 'There is no file none.jsonl.'],
    [['feedback', 'import', '.'], 3, '. is not a file.'],
    [['schedule', 'create', 'a'], 2, 'A schedule needs exactly one of --every and --cron.'],
    [['schedule', 'backfill', 'a', '--from', 'soon', '--to', 'now'], 2, '--from wants an ISO 8601 time, got "soon".'],
  ])('%j is refused for what is wrong with it, whether anything runs or not', async (args, exit, message) => {
    const { code, stderr } = await ratchet([...args, '--data', 'data'], { cwd });
    expect({ code, message: stderr.split('\n')[0]!.replace(/^error E_\w+: /, '') }).toEqual({ code: exit, message });
  });

  it.skipIf(!existsSync('/dev/full'))('an output that cannot be written exits 4 and says so', async () => {
    const main = path.join(ROOT, 'dist/apps/cli/main.js');
    const shell = promisify(execFile)('sh', ['-c', `"${process.execPath}" "${main}" lr > /dev/full`], { cwd });
    await expect(shell).rejects.toMatchObject({
      code: 4,
      stderr: 'error E_DISK_FULL: The output cannot be written: ENOSPC: no space left on device, write.\n',
    });
    const silent = promisify(execFile)('sh', ['-c', `"${process.execPath}" "${main}" lr --bogus 2> /dev/full`], {
      cwd,
    });
    await expect(silent).rejects.toMatchObject({ code: 2 });
  });

  it('an unreachable Temporal service exits 5', async () => {
    const env = { TEMPORAL_ADDRESS: '127.0.0.1:1' };
    const { code, stderr } = await ratchet(['loop', 'status', '--data', 'data'], { cwd, env });
    expect(code).toBe(5);
    expect(stderr).toContain('No Temporal service answers on 127.0.0.1:1.');
  });

  it('a data folder that is a file exits 4, with the stack only under --verbose', async () => {
    writeFileSync(path.join(cwd, 'data'), '');
    const { code, stderr } = await ratchet(['up', '--data', 'data'], { cwd });
    expect(code).toBe(4);
    expect(stderr).toContain('error E_DATA_FOLDER: ');
    expect(stderr).not.toContain('    at ');
    expect((await ratchet(['up', '--data', 'data', '--verbose'], { cwd })).stderr).toContain('    at ');
  });
});
