import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isRatchetError } from '../../../config/errors.js';
import { loadConfig, type LoadOptions } from '../../../config/load.js';
import { RatchetConfig } from '../../../config/schema.js';

const NO_ENV = { env: {} };

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'ratchet-config-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function yamlFile(text: string | Uint8Array, name = 'temporal.yaml'): string {
  const path = join(folder(), name);
  writeFileSync(path, text);
  return path;
}

/** Message of the error that a configuration causes, with the temporary folder cut off. */
async function faults(options: LoadOptions): Promise<string[]> {
  const error: unknown = await loadConfig({ ...NO_ENV, ...options }).then(
    () => new Error('the configuration was accepted'),
    (fault: unknown) => fault,
  );
  if (!isRatchetError(error)) throw error;
  expect(error.code).toBe('E_CONFIG_INVALID');
  expect(error.hint).toMatch(/docs\/configuration\.md|file|UTF-8/);
  return error.message.replaceAll(/\S*\/(?=[\w-]+\.ya?ml)/g, '').split('\n');
}

describe('precedence', () => {
  it('N1: the bundled temporal.yaml says exactly the defaults', async () => {
    const loaded = await loadConfig({ file: 'temporal.yaml', ...NO_ENV });
    expect(loaded.config).toEqual(RatchetConfig.parse({}));
    expect(loaded.hash).toBe((await loadConfig({ file: yamlFile(''), ...NO_ENV })).hash);
  });

  it('N1: defaults < temporal.yaml < run file < environment < flags', async () => {
    const file = yamlFile('loop:\n  seed: 2\n  rounds: 2\n  minFeedback: 22\n  name: two\n');
    const runFile = yamlFile('loop:\n  rounds: 3\n  minFeedback: 33\n  name: three\n', 'run.yaml');
    const env = { RATCHET_LOOP_MIN_FEEDBACK: '44', RATCHET_LOOP_NAME: 'four' };
    const { config, sources } = await loadConfig({ file, runFile, env, overrides: { loop: { name: 'five' } } });
    expect(config.loop).toMatchObject({ seed: 2, rounds: 3, minFeedback: 44, name: 'five', strategy: 'lora' });
    const shown = (key: string) => sources[key]?.split('/').at(-1);
    expect(['strategy', 'seed', 'rounds', 'minFeedback', 'name'].map((key) => shown(`loop.${key}`))).toEqual([
      'default',
      'temporal.yaml',
      'run.yaml',
      'RATCHET_LOOP_MIN_FEEDBACK',
      'flag',
    ]);
  });

  it('reads variables as the type of their key and treats empty ones as unset', async () => {
    const env = {
      RATCHET_LOOP_TRAINING_TARGET_MODULES: '[q_proj, v_proj]',
      RATCHET_LOOP_TRAINING_LEARNING_RATE: '1e-3',
      RATCHET_LOOP_COMPONENTS_CURRICULUM: 'true',
      RATCHET_SERVER_VERSION: '1.6.0',
      RATCHET_SERVER_SQLITE_PRAGMA: '{journal_mode: WAL}',
      RATCHET_LOOP_NAME: '123',
      RATCHET_LOGGING_LEVEL: '',
      TEMPORAL_ADDRESS: 'temporal.example:7233',
      TEMPORAL_NAMESPACE: 'team',
      RATCHET_CONNECTION_NAMESPACE: 'mine',
      TEMPORAL_TLS: '1',
    };
    const { config } = await loadConfig({ file: yamlFile(''), env });
    expect(config.loop.training).toMatchObject({ targetModules: ['q_proj', 'v_proj'], learningRate: 1e-3 });
    expect(config.loop).toMatchObject({ name: '123', components: { curriculum: true } });
    expect(config.server).toMatchObject({ version: '1.6.0', sqlitePragma: { journal_mode: 'WAL' } });
    expect(config.connection).toMatchObject({
      address: 'temporal.example:7233',
      namespace: 'mine',
      tls: { enabled: true },
    });
    expect(config.logging.level).toBe('info');
  });

  it('takes flags as nested objects, as dotted keys and as text', async () => {
    const overrides = { 'loop.seed': '7', loop: { rounds: 3, minFeedback: undefined, simulatedUsers: {} } };
    const { config } = await loadConfig({ file: yamlFile(''), ...NO_ENV, overrides });
    expect(config.loop).toMatchObject({ seed: 7, rounds: 3, minFeedback: 20, simulatedUsers: { requests: 240 } });
  });

  it('R13: a preset overrides what lower sources write and yields to its own source and those above', async () => {
    const file = yamlFile('loop:\n  preset: v2\n  selection:\n    budget: 30\n  reward:\n    scheme: continuous\n');
    const runFile = yamlFile('loop:\n  preset: v1\n  batching:\n    max: 60\n', 'run.yaml');
    const loaded = await loadConfig({ file, runFile, ...NO_ENV, overrides: { 'loop.components.tracking': true } });
    const { components, reward, selection, batching, gate } = loaded.config.loop;
    expect(components).toMatchObject({ curriculum: false, activeLearning: false, tracking: true });
    expect([reward.scheme, reward.similarity, selection.budget]).toEqual(['buckets', 'character', 50]);
    expect(batching).toMatchObject({ min: 50, max: 60, default: 50 });
    expect(gate.checks).toEqual(['non-empty', 'score']);
    expect(loaded.sources['loop.selection.budget']).toBe('preset v1');
    const { config } = await loadConfig({ file: runFile, ...NO_ENV, overrides: { 'loop.preset': 'v2' } });
    expect(config.loop.selection.budget).toBe(30);
  });

  it('finds the data folder beside the file that names it', async () => {
    const file = yamlFile('dataFolder: here\n');
    expect((await loadConfig({ file, ...NO_ENV })).dataFolder).toBe(join(file, '..', 'here'));
    const flagged = await loadConfig({ file, ...NO_ENV, overrides: { dataFolder: 'there' } });
    expect(flagged.dataFolder).toBe(join(process.cwd(), 'there'));
  });

  it('takes a section with nothing in it as its defaults', async () => {
    const { config } = await loadConfig({ file: yamlFile('\uFEFFloop:\r\n  reward:\r\nschedules:\r\n'), ...NO_ENV });
    expect(config).toEqual(RatchetConfig.parse({}));
  });

  it('hashes what is configured, not how it is written', async () => {
    const a = await loadConfig({ file: yamlFile('loop: { seed: 5, rounds: 2 }\n'), ...NO_ENV });
    const b = await loadConfig({ file: yamlFile('loop:\n  rounds: 2 # two\n  seed: 5\n'), ...NO_ENV });
    const c = await loadConfig({ file: yamlFile('loop: { seed: 6, rounds: 2 }\n'), ...NO_ENV });
    expect(a.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(b.hash).toBe(a.hash);
    expect(c.hash).not.toBe(a.hash);
  });
});

describe('faults', () => {
  it('N1: a wrong temporal.yaml lists all faults with line and column', async () => {
    const file = yamlFile(`connection:
  address: nonsense
loop:
  seed: "3"
  stratgy: lora
  selection:
    budget: many
  components:
    curriculum: yes
  curriculum: { easy: 0.9, medium: 0.5 }
budget: 3
logging:
  level: inof
schedules:
  - nme: nightly
    cron: 0 3 * * *
  - name: both
    cron: 0 3 * * *
    everySeconds: 60
`);
    expect(await faults({ file })).toMatchInlineSnapshot(`
      [
        "11 faults in the configuration:",
        "  temporal.yaml:2:3 connection.address: must be host:port, such as 127.0.0.1:7233",
        "  temporal.yaml:4:3 loop.seed: must be integer ≥ 0, got the text "3"; remove the quotes",
        "  temporal.yaml:5:3 loop.stratgy: unknown key; did you mean "strategy"?",
        "  temporal.yaml:7:5 loop.selection.budget: must be integer ≥ 1, got the text "many"",
        "  temporal.yaml:9:5 loop.components.curriculum: must be boolean, got the text "yes"; write true or false",
        "  temporal.yaml:10:3 loop.curriculum: easy must be below medium",
        "  temporal.yaml:11:1 budget: unknown key; it belongs at loop.selection.budget",
        "  temporal.yaml:13:3 logging.level: must be "trace", "debug", "info", "warn", "error" or "silent", got the text "inof"; did you mean "info"?",
        "  temporal.yaml:15:5 schedules[0].name: is required",
        "  temporal.yaml:15:5 schedules[0].nme: unknown key; did you mean "name"?",
        "  temporal.yaml:17:5 schedules[1]: needs exactly one of everySeconds and cron",
      ]
    `);
  });

  it('reports variables and flags together with the files', async () => {
    const file = yamlFile('loop:\n  rounds: -1\n');
    const runFile = yamlFile('loop:\n  minFeedback: 0\n', 'run.yaml');
    const env = { RATCHET_LOOP_SEDE: '1', RATCHET_WORKERS_CPU_SLOTS: 'all', RATCHET_CRASH_AT: 'x', OTHER: 'y' };
    expect(await faults({ file, runFile, env, overrides: { 'loop.seed': 'x', foo: 1 } })).toMatchInlineSnapshot(`
      [
        "6 faults in the configuration:",
        "  temporal.yaml:2:3 loop.rounds: must be integer ≥ 0, got -1",
        "  run.yaml:2:3 loop.minFeedback: must be integer ≥ 1, got 0",
        "  RATCHET_LOOP_SEDE: names no key of the configuration; did you mean "RATCHET_LOOP_SEED"?",
        "  RATCHET_WORKERS_CPU_SLOTS workers.cpuSlots: must be integer ≥ 0 and ≤ 1024, got the text "all"",
        "  --set loop.seed: must be integer ≥ 0, got the text "x"",
        "  --set foo: unknown key; did you mean "loop"?",
      ]
    `);
  });

  it('reports a syntax error and goes on with the other sources', async () => {
    const file = yamlFile('loop:\n  seed: [1\nlogging: {}\n');
    expect(await faults({ file, overrides: { loop: { rounds: -1 } } })).toMatchInlineSnapshot(`
      [
        "2 faults in the configuration:",
        "  temporal.yaml:3:1: Flow sequence in block collection must be sufficiently indented and end with a ]",
        "  --set loop.rounds: must be integer ≥ 0, got -1",
      ]
    `);
  });

  it('reports a key that is written twice, and still checks the rest', async () => {
    expect(await faults({ file: yamlFile('loop:\n  seed: 1\n  seed: 2\n  rounds: x\n') })).toMatchInlineSnapshot(`
      [
        "2 faults in the configuration:",
        "  temporal.yaml:3:3: Map keys must be unique",
        "  temporal.yaml:4:3 loop.rounds: must be integer ≥ 0, got the text "x"",
      ]
    `);
  });

  it('refuses what is not a map, not UTF-8, not a file or far too large', async () => {
    expect(await faults({ file: yamlFile('- a\n- b\n') })).toEqual([
      '1 fault in the configuration:',
      '  temporal.yaml:1:1: must be a map of keys to values',
    ]);
    expect(await faults({ file: yamlFile(new Uint8Array([0x6c, 0xff, 0xfe])) })).toEqual([
      'temporal.yaml is not valid UTF-8',
    ]);
    expect(await faults({ file: yamlFile('#'.repeat(1_000_001)) })).toEqual([
      'temporal.yaml has 1000001 bytes; a configuration has at most 1 MB',
    ]);
    const path = join(folder(), 'folder.yaml');
    mkdirSync(path);
    expect(await faults({ file: path })).toEqual(['folder.yaml cannot be read (EISDIR)']);
    await expect(loadConfig({ file: 'missing.yaml', ...NO_ENV })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: 'no configuration file missing.yaml',
    });
  });

  it('does not let a key reach the prototype', async () => {
    const [, line] = await faults({ file: yamlFile('__proto__:\n  polluted: 1\n') });
    expect(line).toContain('__proto__: unknown key');
    expect(await faults({ overrides: JSON.parse('{"loop":{"__proto__":{"polluted":1}}}') as object })).toHaveLength(2);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('never prints what was written in place of the name of the key variable', async () => {
    const lines = await faults({ file: yamlFile('connection:\n  apiKeyEnv: "sk-very secret"\n') });
    expect(lines.join()).not.toContain('secret');
    expect(lines[1]).toContain('must be the name of an environment variable');
  });
});
