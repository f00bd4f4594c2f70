import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { stream } from '../../../config/random.js';
import type { StepReport, TrainHooks, TrainSpec, TrainWarning } from '../../../engine/api.js';
import { writeSafetensors } from '../../../engine/formats/safetensors.js';
import { parseModelConfig } from '../../../engine/nn/config.js';
import { parameterShapes } from '../../../engine/nn/parameters.js';
import { CompileCache } from '../../../engine/trace/index.js';
import { inspectRows } from '../../../engine/train/inspect-rows.js';
import { TrainStep } from '../../../engine/train/step.js';
import { trainModel } from '../../../engine/train/train-model.js';
import { jsonLines, tinyRows, tinySpec, writeTinyModel } from './tiny-model.js';

let folder: string;
const graphs = new CompileCache(200, { threads: 1 });
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-variants-'));
  await writeTinyModel(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Changes = Partial<Omit<TrainSpec, 'parameters'>> & { parameters?: Partial<TrainSpec['parameters']> };

function spec(name: string, { parameters, ...changes }: Changes = {}): TrainSpec {
  const base = tinySpec(folder);
  return {
    ...base,
    outputDir: join(folder, name),
    checkpointDir: join(folder, `${name}-checkpoints`),
    ...changes,
    parameters: { ...base.parameters, ...parameters },
  };
}

async function run(of: TrainSpec, hooks: TrainHooks = {}) {
  const steps: StepReport[] = [];
  const result = await trainModel(of, { ...hooks, onStep: (step) => steps.push(step) }, { graphs });
  return { result, steps };
}

/** Stops the run after a step; its checkpoint stays. */
async function stopped(of: TrainSpec, after: number): Promise<void> {
  const controller = new AbortController();
  const onStep = ({ step }: StepReport) => {
    if (step === after) controller.abort(new Error('stop here'));
  };
  await expect(trainModel(of, { onStep, signal: controller.signal }, { graphs })).rejects.toThrow('stop here');
}

async function expectSameAfterResume(name: string, changes: Changes): Promise<void> {
  const { result: whole } = await run(spec(`${name}-whole`, changes));
  const interrupted = spec(`${name}-stopped`, changes);
  await stopped(interrupted, 7);
  const { result } = await run(interrupted);
  expect(result.resumedFrom).toBe(7);
  expect(result.sha256).toBe(whole.sha256);
}

const file = async (name: string, rows: readonly unknown[]): Promise<string> => {
  await writeFile(join(folder, name), jsonLines(rows));
  return join(folder, name);
};

/** A model folder with random weights and the tiny tokenizer. */
async function writeModel(name: string, config: Record<string, unknown>): Promise<string> {
  const target = join(folder, name);
  await mkdir(target, { recursive: true });
  for (const part of ['tokenizer.json', 'tokenizer_config.json'])
    await cp(join(folder, 'model', part), join(target, part));
  await writeFile(join(target, 'config.json'), JSON.stringify(config));
  const shapes = parameterShapes(parseModelConfig(name, JSON.stringify(config)));
  const weights = [...shapes].map(([parameter, shape]) => {
    const draws = stream(4, name, parameter);
    const size = shape.reduce((product, extent) => product * extent, 1);
    const data = Float32Array.from(
      { length: size },
      () => draws.normal() * 0.3 + (/orm.*weight/.test(parameter) ? 1 : 0),
    );
    return [parameter, { dtype: 'float32' as const, shape, data }] as const;
  });
  await writeSafetensors(join(target, 'model.safetensors'), new Map(weights));
  return target;
}

const TRANSLATOR = {
  model_type: 't5',
  architectures: ['T5ForConditionalGeneration'],
  vocab_size: 16,
  d_model: 16,
  d_kv: 4,
  d_ff: 24,
  num_layers: 1,
  num_decoder_layers: 1,
  num_heads: 4,
  relative_attention_num_buckets: 8,
  relative_attention_max_distance: 16,
  feed_forward_proj: 'gated-gelu',
  eos_token_id: 1,
  pad_token_id: 0,
  decoder_start_token_id: 0,
  tie_word_embeddings: false,
};

/** Sixty words. */
const LONG = Array.from({ length: 60 }, (_, i) => 'abcdef'[i % 6]).join(' ');

describe('every optimizer and schedule', () => {
  it.each([
    ['adamw', {}],
    ['sgd', { name: 'sgd', nesterov: true }],
    ['lion', 'lion'],
    ['adafactor', { name: 'adafactor', beta1: 0.9 }],
  ] as const)('%s goes on from a checkpoint with the same bits', async (name, optimizer) => {
    const parameters = {
      optimizer: name === 'adamw' ? undefined : optimizer,
      learningRate: 0.02,
    } as Changes['parameters'];
    await expectSameAfterResume(name, { parameters });
  });

  it('T11: three phases with cuts go on from a checkpoint with the same bits', async () => {
    const adaptive = { patience: 2, smoothing: 0, threshold: 0.5 };
    const parameters = { schedule: { name: 'three_phase', adaptive }, warmupRatio: 0 } as Changes['parameters'];
    await expectSameAfterResume('phases', { parameters });
    const { steps } = await run(spec('phases-again', { parameters }));
    const { steps: uncut } = await run(
      spec('phases-uncut', { parameters: { schedule: { name: 'three_phase', adaptive: false }, warmupRatio: 0 } }),
    );
    expect(steps[0]!.learningRate).toBe(uncut[0]!.learningRate);
    expect(steps.at(-1)!.learningRate).toBeLessThan(uncut.at(-1)!.learningRate / 2);
  });

  it('gives other results by another name', async () => {
    const hashes = await Promise.all(
      (['adamw', 'sgd', 'lion', 'adafactor'] as const).map(
        async (optimizer) => (await run(spec(`name-${optimizer}`, { parameters: { optimizer } }))).result.sha256,
      ),
    );
    expect(new Set(hashes).size).toBe(4);
  });
});

describe('preferences', () => {
  const pairs = (count: number, seed: number) =>
    tinyRows(count, seed).map(({ id, prompt, completion }) => ({ id, prompt, chosen: completion, rejected: 'm m m' }));
  const files = async () => ({
    trainFile: await file('pairs.jsonl', pairs(11, 1)),
    validationFile: await file('pairs-validation.jsonl', pairs(5, 2)),
  });

  it.each([
    ['dpo', { kind: 'dpo' }],
    ['smoothed dpo', { kind: 'dpo', beta: 0.2, labelSmoothing: 0.1 }],
    ['ipo', { kind: 'dpo', loss: 'ipo' }],
    ['hinge', { kind: 'dpo', loss: 'hinge' }],
    ['simpo', { kind: 'simpo' }],
    ['orpo', { kind: 'orpo' }],
  ] as const)('%s raises the chosen answers above the rejected ones', async (name, objective) => {
    const parameters = { learningRate: 0.02, numEpochs: 4, loraDropout: 0 };
    const { steps } = await run(spec(`preference-${name}`, { ...(await files()), objective, parameters }));
    const [first, last] = [steps[0]!, steps.at(-1)!];
    expect(last.measures!['margin']).toBeGreaterThan(first.measures!['margin']! + 0.01);
    expect(last.measures!['accuracy']).toBeGreaterThan(0.7);
    expect(last.loss).toBeLessThan(first.loss);
  });

  it('starts DPO at the reference and improves pairs it has not seen', async () => {
    const parameters = { learningRate: 0.02, numEpochs: 4, loraDropout: 0 };
    const { steps, result } = await run(
      spec('dpo-start', { ...(await files()), objective: { kind: 'dpo' }, parameters }),
    );
    expect(Math.abs(steps[0]!.measures!['margin']!)).toBeLessThan(1e-5);
    expect(steps[0]!.loss).toBeCloseTo(Math.LN2, 5);
    expect(result.validationLoss).toBeLessThan(Math.LN2 - 0.05);
  });

  it.each(['lora', 'full'] as const)('goes on from a checkpoint with the same bits (%s)', async (strategy) => {
    const changes = {
      ...(await files()),
      objective: { kind: 'dpo' },
      strategy,
      parameters: { numEpochs: 3 },
    } as Changes;
    await expectSameAfterResume(`dpo-${strategy}`, changes);
  });

  it('ends when aborted before the first step, and frees the graphs it compiled', async () => {
    const released = vi.spyOn(TrainStep.prototype, 'release');
    const measured = vi.spyOn(TrainStep.prototype, 'referenceLogProbabilities');
    const controller = new AbortController();
    measured.mockImplementationOnce(async function (this: TrainStep, ...asked) {
      setImmediate(() => controller.abort(new Error('stop here')));
      return this.referenceLogProbabilities(...asked);
    });
    const of = spec('dpo-aborted', { ...(await files()), objective: { kind: 'dpo' } });
    try {
      const aborted = trainModel(of, { signal: controller.signal }, { threads: 1 });
      await expect(aborted).rejects.toThrow('stop here');
      // The first batch is asked for twice: by the training, and by what aborts it.
      expect(measured).toHaveBeenCalledTimes(2);
      expect(released).toHaveBeenCalledTimes(1);
      await expect(readdir(of.checkpointDir)).rejects.toThrow('ENOENT');
    } finally {
      released.mockRestore();
      measured.mockRestore();
    }
  });

  it('names a field that a row lacks', async () => {
    const trainFile = await file('no-pairs.jsonl', tinyRows(2));
    await expect(run(spec('no-pairs', { trainFile, objective: { kind: 'dpo' } }))).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringMatching(/no-pairs\.jsonl:1: field chosen/),
    });
  });
});

describe('weights of rows', () => {
  it('a row that weighs much is learned sooner, and a weight that is none is refused', async () => {
    const rows = tinyRows(8);
    const weighed = (heavy: number) => rows.map((row, place) => ({ ...row, weight: place === heavy ? 50 : 1 }));
    const lossOf = async (name: string, heavy: number) => {
      const trainFile = await file(`${name}.jsonl`, weighed(heavy));
      const validationFile = await file(`${name}-first.jsonl`, rows.slice(0, 1));
      const { result } = await run(spec(name, { trainFile, validationFile, parameters: { numEpochs: 4 } }));
      return result.validationLoss!;
    };
    expect(await lossOf('heavy-first', 0)).toBeLessThan(await lossOf('heavy-last', 7));
    for (const weight of [0, -1, '2', null]) {
      const trainFile = await file('bad-weight.jsonl', [{ ...rows[0], weight }]);
      await expect(run(spec('bad-weight', { trainFile }))).rejects.toMatchObject({
        code: 'E_DATA_INVALID',
        message: expect.stringMatching(/bad-weight\.jsonl:1: field weight is not a number above 0/),
      });
    }
  });
});

describe('other objectives', () => {
  it('distils a teacher: the student comes nearer to it than by labels alone', async () => {
    const { result: teacher } = await run(
      spec('teacher', { strategy: 'full', parameters: { numEpochs: 4, learningRate: 0.02 } }),
    );
    const objective = { kind: 'distillation', teacherDir: teacher.outputDir, hardWeight: 0 } as const;
    const { steps } = await run(
      spec('student', {
        objective,
        strategy: 'full',
        parameters: { numEpochs: 4, loraDropout: 0, learningRate: 0.02 },
      }),
    );
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss / 2);
    const same = await run(
      spec('itself', {
        objective,
        strategy: 'full',
        initialAdapterDir: teacher.outputDir,
        parameters: { numEpochs: 1, learningRate: 1e-9 },
      }),
    );
    expect(Math.abs(same.steps[0]!.loss)).toBeLessThan(1e-5);
  });

  it('learns classes by name, and names a class that the model lacks', async () => {
    const modelDir = await writeModel('classifier', {
      model_type: 'distilbert',
      architectures: ['DistilBertForSequenceClassification'],
      vocab_size: 16,
      dim: 16,
      n_layers: 1,
      n_heads: 2,
      hidden_dim: 24,
      max_position_embeddings: 64,
      id2label: { 0: 'low', 1: 'high' },
      pad_token_id: 0,
    });
    const rows = tinyRows(24).map((row) => ({
      ...row,
      completion: row.prompt.startsWith('a') || row.prompt < 'f' ? 'low' : 'high',
    }));
    const trainFile = await file('classes.jsonl', rows);
    const changes = { modelDir, trainFile, validationFile: undefined, strategy: 'full', patience: undefined } as const;
    const { steps } = await run(spec('classes', { ...changes, parameters: { numEpochs: 12, learningRate: 0.01 } }));
    const accuracy = (reports: StepReport[]) =>
      reports.reduce((sum, { measures }) => sum + measures!['correct']!, 0) / reports.length;
    expect(accuracy(steps.slice(-6))).toBeGreaterThan(0.9);
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss);
    const wrong = await file('no-class.jsonl', [{ id: 'odd', prompt: 'a', completion: 'middle' }]);
    await expect(run(spec('no-class', { ...changes, trainFile: wrong }))).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringMatching(/"odd".*"middle"/),
      hint: expect.stringContaining('low, high'),
    });
  });

  it('learns target texts with an encoder-decoder', async () => {
    const modelDir = await writeModel('translator', TRANSLATOR);
    const { steps, result } = await run(
      spec('targets', { modelDir, strategy: 'full', parameters: { numEpochs: 8, learningRate: 0.02 } }),
    );
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss * 0.8);
    expect(result.validationLoss).toBeLessThan(steps[0]!.loss);
    const long = (length: number) => Array.from({ length }, (_, i) => 'abcdef'[i % 6]).join(' ');
    const rows = [{ id: 'long', prompt: long(600), completion: 'a' }, ...tinyRows(3)];
    const trainFile = await file('long-source.jsonl', rows);
    const changes = { modelDir, trainFile, validationFile: undefined, patience: undefined, strategy: 'full' } as const;
    const inspector = await inspectRows(modelDir, { maxLength: 64 });
    const answer = { id: 'answer', prompt: 'a', completion: long(20) };
    expect(inspector.inspect(answer).longest).toBe(21);
    const { result: beyond } = await run(spec('long', { ...changes, parameters: { maxLength: 1024, numEpochs: 1 } }));
    expect(beyond.truncatedRows).toBe(0);
  });

  it.each([
    ['the rejected answer', 'decoder', { chosen: 'b', rejected: LONG }],
    ['the target', 'encoder-decoder', { completion: LONG }],
  ])('T10: counts %s in the memory that a run needs', async (_, kind, answers) => {
    const preference = kind === 'decoder';
    const modelDir = preference ? join(folder, 'model') : await writeModel('translator', TRANSLATOR);
    const needed = async (changed: object) => {
      const rows = tinyRows(400).map(({ id }) => ({ id, prompt: 'a', ...answers, ...changed }));
      const trainFile = await file('memory.jsonl', rows);
      const of = spec('memory', {
        modelDir,
        trainFile,
        validationFile: undefined,
        patience: undefined,
        ...(preference && { objective: { kind: 'dpo' } }),
        parameters: { maxLength: 64, batchSize: 400 },
      });
      const error: unknown = await run(of).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'E_OUT_OF_MEMORY' });
      return Number(/about ([\d.]+) GB/.exec((error as Error).message)![1]);
    };
    const free = vi.spyOn(process, 'availableMemory').mockReturnValue(0);
    try {
      const [long, short] = [await needed({}), await needed(preference ? { rejected: 'c' } : { completion: 'c' })];
      expect(long).toBeGreaterThan(short);
    } finally {
      free.mockRestore();
    }
  });

  it('refuses an objective the model is not made for', async () => {
    await expect(run(spec('unfit', { objective: { kind: 'classification' } }))).rejects.toMatchObject({
      code: 'E_CONFIG_INVALID',
      message: 'The objective classification needs a classifier, not a decoder.',
    });
  });
});

describe('what must not be silent', () => {
  it('keeps the last good checkpoint of a run that diverges, and says which', async () => {
    const diverging = spec('diverging', {
      checkpointEverySteps: 1,
      parameters: { learningRate: 1e30, schedule: 'linear', warmupRatio: 0.3 },
    });
    const fault = await run(diverging).then(
      () => expect.unreachable('the run must fail'),
      (error: unknown) => error as Error,
    );
    expect(fault).toMatchObject({ code: 'E_NUMERIC' });
    const [, kept] = /The checkpoint of step (\d+) is kept in/.exec(fault.message) ?? [];
    expect(Number(kept)).toBeGreaterThan(0);
    const [name] = await readdir(diverging.checkpointDir);
    expect(await readdir(join(diverging.checkpointDir, name!))).toContain(`step-${kept!.padStart(8, '0')}`);
    // The kept state is sound: the run goes on from there to the same fault.
    await expect(run(diverging)).rejects.toThrow(fault.message);
  });

  it('counts rows without a token to learn and refuses a file of nothing else', async () => {
    const modelDir = await writeModel(
      'endless',
      JSON.parse(await readFile(join(folder, 'model', 'config.json'), 'utf8')) as Record<string, unknown>,
    );
    const config = JSON.parse(await readFile(join(modelDir, 'config.json'), 'utf8')) as Record<string, unknown>;
    await writeFile(join(modelDir, 'config.json'), JSON.stringify({ ...config, eos_token_id: null }));
    await writeFile(join(modelDir, 'tokenizer_config.json'), '{}');
    const empty = { id: 'empty', prompt: 'a b', completion: '' };
    const changes = { modelDir, validationFile: undefined, patience: undefined };
    const trainFile = await file('some-empty.jsonl', [...tinyRows(6), empty, { ...empty, id: 'empty-2' }]);
    expect((await run(spec('some-empty', { ...changes, trainFile }))).result.unsupervisedRows).toBe(2);
    await expect(
      run(spec('all-empty', { ...changes, trainFile: await file('all-empty.jsonl', [empty]) })),
    ).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringContaining('none of its 1 rows has a token to learn'),
    });
  });

  it('N5: warns of a model that memorises its rows', async () => {
    const trainFile = await file('few.jsonl', tinyRows(4));
    const seen: TrainWarning[] = [];
    const { result } = await run(
      spec('overfit', {
        trainFile,
        strategy: 'full',
        patience: undefined,
        parameters: { numEpochs: 40, learningRate: 0.03, schedule: 'constant', warmupRatio: 0 },
      }),
      { onWarning: (warning) => seen.push(warning) },
    );
    expect(seen.length).toBeGreaterThan(0);
    expect(result.warnings).toEqual(seen);
    const [{ validationLoss, trainLoss, kind, message }] = seen as [TrainWarning];
    expect(kind).toBe('overfit');
    expect(validationLoss.to).toBeGreaterThan(validationLoss.from);
    expect(trainLoss.to).toBeLessThan(trainLoss.from);
    expect(message).toMatch(/memorises its rows/);
  });
});
