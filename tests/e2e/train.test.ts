import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stream } from '../../config/random.js';
import { jsonLines, Ratchet, ratchet, ROOT } from './ratchet.js';

let folder: string;
let rows: string;
/** Long enough to be interrupted: 300 steps. */
const flags = (name: string, ...more: string[]) => [
  'train',
  rows,
  ...`--model models/base --output-dir ${path.join(folder, name)} --batch-size 4 --gradient-accumulation-steps 1`.split(
    ' ',
  ),
  ...'--max-steps 300 --checkpoint-steps 20 --threads 1 --json'.split(' '),
  ...more,
];
const dryRun = (...more: string[]) => {
  const out = path.join(folder, 'dry');
  return ratchet(['train', rows, '--model', 'models/base', '--output-dir', out, '--dry-run', '--json', ...more]);
};
const last = (stdout: string) => jsonLines(stdout).at(-1)!;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'ratchet-train-'));
  rows = path.join(folder, 'rows.jsonl');
  const draws = stream(1, 'rows');
  const words = 'shop sells items customer order name price many each has'.split(' ');
  const text = (length: number) => Array.from({ length }, () => draws.pick(words)).join(' ');
  const lines = Array.from({ length: 80 }, () =>
    JSON.stringify({ prompt: text(2 + draws.integer(8)), completion: text(3) }),
  );
  writeFileSync(rows, `${lines.join('\n')}\n{"prompt":7,"completion":"x"}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

describe('train', () => {
  let undisturbed: unknown;

  it('trains an adapter from a file, told as JSON lines, with a ledger of what was left out', async () => {
    const { code, stdout, stderr } = await ratchet(flags('a'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = jsonLines(stdout);
    expect(lines[0]).toMatchObject({
      event: 'plan',
      architecture: 'llama',
      totalSteps: 300,
      data: { read: 81, kept: 80 },
    });
    expect(lines.filter((line) => line.event === 'step').map((line) => line.step)).toEqual(
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
    expect(lines.some((line) => line.event === 'validation')).toBe(true);
    expect(lines.at(-1)).toMatchObject({ event: 'done', steps: 300, resumedFrom: null });
    undisturbed = lines.at(-1)!.sha256;
    expect(existsSync(path.join(folder, 'a', 'adapter_model.safetensors'))).toBe(true);
    expect(JSON.parse(readFileSync(path.join(folder, 'a.run', 'rejected.jsonl'), 'utf8'))).toEqual({
      file: rows,
      line: 81,
      field: 'prompt',
      reason: 'is not a text',
    });
    expect(last((await ratchet(flags('a'))).stdout)).toMatchObject({ event: 'done', sha256: undisturbed });
  });

  it('killed in the middle and typed again gives the same bits', async () => {
    const killed = new Ratchet(flags('killed'));
    await killed.waitFor('"event":"checkpoint","step":60');
    killed.signal('SIGKILL');
    await killed.ended;
    expect(existsSync(path.join(folder, 'killed'))).toBe(false);
    const { code, stdout } = await ratchet(flags('killed', '--resume'));
    expect(code).toBe(0);
    const done = last(stdout);
    expect(done.sha256).toBe(undisturbed);
    expect(done.resumedFrom).toBeGreaterThanOrEqual(60);
    expect(done.resumedFrom).toBeLessThan(300);
  });

  it('Ctrl-C saves a checkpoint and says how to come back', async () => {
    const stopped = new Ratchet(flags('stopped'));
    await stopped.waitFor('"event":"step","epoch":0.55');
    stopped.signal('SIGINT');
    const { code, stdout } = await stopped.ended;
    expect(code).toBe(130);
    expect(last(stdout)).toEqual({
      event: 'stopped',
      comeBack: `npx ratchet ${flags('stopped').join(' ')}`,
    });
    const checkpoint = jsonLines(stdout).findLast((line) => line.event === 'checkpoint')!;
    expect(last((await ratchet(flags('stopped'))).stdout)).toMatchObject({
      sha256: undisturbed,
      resumedFrom: checkpoint.step,
    });
  });

  it('T9: --dry-run prints the plan with every flag in it, and writes nothing', async () => {
    const asked =
      '--training-strategy qlora --epochs 2 --batch-size 2 --gradient-accumulation-steps 8 --gradient-checkpointing --bf16 --dataloader-num-workers 4';
    const { code, stdout } = await dryRun(...asked.split(' '));
    expect(code).toBe(0);
    expect(jsonLines(stdout)).toEqual([
      expect.objectContaining({
        event: 'plan',
        dryRun: true,
        stepsPerEpoch: 5,
        totalSteps: 10,
        config: expect.objectContaining({
          trainingStrategy: 'qlora',
          numEpochs: 2,
          batchSize: 2,
          gradientAccumulationSteps: 8,
          gradientCheckpointing: true,
          precision: 'bfloat16',
          dataloaderNumWorkers: 4,
        }) as unknown,
      }),
    ]);
    expect(existsSync(path.join(folder, 'dry'))).toBe(false);
    expect(existsSync(path.join(folder, 'dry.run'))).toBe(false);
  });

  it.each(['phi3_mini_original', 'phi3_mini_4k_advanced', 'qwen2_5_7b_improved'])(
    'T13: plans a run of %s',
    async (name) => {
      const config = path.join(ROOT, `examples/configs/finetune_ollama_config_${name}.json`);
      const { code, stdout } = await dryRun('--config', config);
      expect(code).toBe(0);
      const { max_steps: totalSteps } = JSON.parse(readFileSync(config, 'utf8')) as { max_steps: number };
      expect(jsonLines(stdout)).toEqual([
        expect.objectContaining({ event: 'plan', totalSteps, config: expect.objectContaining({ name }) as unknown }),
      ]);
    },
  );

  it.each([
    [['--epoch', '3'], 2, "unknown option '--epoch'"],
    [['--epochs', 'many'], 2, '--epochs: must be number > 0, got "many"'],
    [['--objective', 'classification'], 2, '--objective: must be "auto", "causal"'],
    [['--resume', '--fresh'], 2, '--resume and --fresh exclude each other.'],
    [['--resume'], 6, 'There is no run to go on with'],
    [['--model', 'none/such', '--config', 'none.json'], 6, 'There is no configuration file none.json.'],
    [['--config', 'examples'], 2, 'examples cannot be read (EISDIR).'],
    [['--output-dir', 'package.json'], 4, 'package.json is no folder'],
    [['--output-dir', 'package.json', '--dry-run'], 4, 'package.json is no folder'],
  ])('%j exits with a code and says why', async (more, exit, message) => {
    const { code, stdout, stderr } = await ratchet(
      ['train', rows, '--model', 'models/base', '--output-dir', path.join(folder, 'wrong'), ...more],
      { cwd: ROOT },
    );
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('never replaces a folder that it did not write, nor the result of another run unless told', async () => {
    const foreign = await ratchet(['train', rows, '--model', 'models/base', '--output-dir', folder]);
    expect(foreign).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no training of Ratchet wrote it') as unknown,
    });
    const read = (name: string) => readFileSync(path.join(folder, 'a.run', name), 'utf8');
    const kept = ['train.jsonl', 'validation.jsonl', 'rejected.jsonl'].map(read);
    const other = await ratchet(flags('a', '--seed', '2'));
    expect(last(other.stdout)).toMatchObject({
      error: { code: 'E_USAGE', hint: expect.stringContaining('--fresh') as unknown },
    });
    expect(['train.jsonl', 'validation.jsonl', 'rejected.jsonl'].map(read), 'another split').toEqual(kept);
    // With --fresh neither, before the data and the settings are found to be right.
    const note = path.join(folder, 'a.run', 'note.txt');
    writeFileSync(note, 'mine');
    const into = ['--model', 'models/base', '--output-dir', path.join(folder, 'a'), '--fresh'];
    expect(await ratchet(['train', path.join(folder, 'rwos.jsonl'), ...into])).toMatchObject({ code: 6 });
    expect(await ratchet(['train', rows, ...into, '--epochs', 'many'])).toMatchObject({ code: 2 });
    expect(last((await ratchet(flags('a'))).stdout)).toMatchObject({ event: 'done', sha256: undisturbed });
    const fresh = await ratchet([...flags('a', '--seed', '2', '--fresh'), '--max-steps', '5']);
    expect(last(fresh.stdout)).toMatchObject({ event: 'done', steps: 5, resumedFrom: null });
    expect(readFileSync(note, 'utf8')).toBe('mine');
  });
});

describe('what was trained', () => {
  it('generates, evaluates and merges, merged equal to unmerged', async () => {
    const adapter = path.join(folder, 'killed');
    const merged = path.join(folder, 'merged');
    const of = (...args: string[]) => ratchet([...args, '--model', 'models/base', '--adapter', adapter, '--json']);
    expect(last((await of('merge', '--output-dir', merged)).stdout)).toMatchObject({
      event: 'merged',
      outputDir: merged,
    });
    const prompt = ['a shop sells items', '--max-new-tokens', '8'];
    const generated = jsonLines((await of('generate', ...prompt)).stdout);
    expect(generated).toEqual([
      expect.objectContaining({ prompt: 'a shop sells items', text: expect.any(String) as unknown }),
    ]);
    const fromMerged = await ratchet(['generate', ...prompt, '--model', merged, '--json']);
    expect(jsonLines(fromMerged.stdout)[0]).toMatchObject({ text: generated[0]!.text, tokens: generated[0]!.tokens });

    const evaluate = ['evaluate', rows, '--max-new-tokens', '8', '--timed', '2'];
    const evaluation = last((await of(...evaluate)).stdout);
    expect(evaluation).toMatchObject({
      event: 'evaluation',
      rows: 80,
      dropped: { 'prompt is not a text': 1 },
      comparison: { texts: 80, bleuSignature: expect.stringContaining('version:') as unknown },
      latency: { predictions: 2, warmUps: 3 },
    });
    const base = last((await ratchet([...evaluate, '--model', 'models/base', '--no-generate', '--json'])).stdout);
    expect(base).toMatchObject({ comparison: null });
    expect(evaluation.perplexity).toBeLessThan(base.perplexity as number);
  });
});
