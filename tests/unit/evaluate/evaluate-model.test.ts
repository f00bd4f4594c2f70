import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EvaluateSpec, TrainingRow } from '../../../engine/api.js';
import { readSafetensors, writeSafetensors } from '../../../engine/formats/safetensors.js';
import { createEngine, evaluateForward, evaluateModel, loadModel, loadTokenizer } from '../../../engine/index.js';
import { classificationReport } from '../../../learning/metrics/classification.js';
import { perplexity } from '../../../learning/metrics/perplexity.js';
import { jsonLines, writeTinyModel } from '../train/tiny-model.js';

const fixtures = join(import.meta.dirname, '../../parity/fixtures');
let folder: string;
let spec: EvaluateSpec;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-evaluate-'));
  await writeTinyModel(folder);
  spec = { modelDir: join(folder, 'model'), adapterDir: null, dataFile: join(folder, 'train.jsonl') };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function rowsOf(file: string): Promise<TrainingRow[]> {
  const text = await readFile(file, 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TrainingRow);
}

/** Log probabilities of the completions' tokens, row by row through the training forward pass, softmax in float64. */
async function byHand(modelDir: string, rows: readonly TrainingRow[]): Promise<{ logs: number[]; correct: number }> {
  const [model, tokenizer] = await Promise.all([loadModel(modelDir), loadTokenizer(modelDir)]);
  const size = model.config.vocabularySize;
  const logs: number[] = [];
  let correct = 0;
  for (const { prompt, completion } of rows) {
    const question = tokenizer.encode(prompt);
    const ids = [...question, ...tokenizer.encode(completion), model.config.endIds[0]!];
    const batch = { batch: 1, time: ids.length, inputIds: ids, attentionMask: ids.map(() => 1), labels: ids };
    const { logits } = await evaluateForward(model, batch);
    for (let t = Math.max(1, question.length); t < ids.length; t++) {
      const row = [...logits.subarray((t - 1) * size, t * size)];
      const largest = Math.max(...row);
      const normalizer = largest + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
      logs.push(row[ids[t]!]! - normalizer);
      if (row.indexOf(largest) === ids[t]) correct++;
    }
  }
  return { logs, correct };
}

describe('evaluateModel of a language model', () => {
  it('E1: perplexity and accuracy of a tiny model equal a computation by hand', async () => {
    const result = await evaluateModel(spec);
    const { logs, correct } = await byHand(spec.modelDir, await rowsOf(spec.dataFile));
    expect(result).toMatchObject({ rows: 22, truncatedRows: 0, tokens: logs.length, latency: null, classes: null });
    expect(result.perplexity).toBeCloseTo(perplexity(logs), 4);
    expect(result.loss).toBeCloseTo(Math.log(perplexity(logs)), 5);
    expect(result.accuracy).toBe(correct / logs.length);
  });

  it('E1: perplexity of the base model equals a computation by hand', async () => {
    const modelDir = join(import.meta.dirname, '../../../models/base');
    const rows = ['client talks to the api', 'sort the list', 'a', 'x + 1 = 2'].map((text, i) => ({
      id: `${i}`,
      prompt: i === 2 ? '' : `${text}\n`,
      completion: text.repeat(3),
    }));
    const dataFile = join(folder, 'base.jsonl');
    await writeFile(dataFile, jsonLines(rows));
    const result = await evaluateModel({ modelDir, adapterDir: null, dataFile });
    const { logs } = await byHand(modelDir, rows);
    expect(result.tokens).toBe(logs.length);
    expect(result.perplexity! / perplexity(logs)).toBeCloseTo(1, 5);
  });

  it('E1: a model whose scores are all alike has the perplexity of its vocabulary', async () => {
    const modelDir = join(folder, 'uniform');
    await cp(spec.modelDir, modelDir, { recursive: true });
    const { tensors } = await readSafetensors(join(modelDir, 'model.safetensors'));
    for (const { data } of tensors.values()) (data as Float32Array).fill(0);
    await writeSafetensors(join(modelDir, 'model.safetensors'), tensors);
    const { perplexity: measured } = await evaluateModel({ ...spec, modelDir });
    const { config } = await loadModel(modelDir);
    expect(measured).toBeCloseTo(config.vocabularySize, 4);
  });

  it('does not depend on the batch size, and counts rows that were cut', async () => {
    const whole = await evaluateModel(spec);
    const apart = await evaluateModel({ ...spec, batchSize: 1 });
    expect(apart.loss).toBeCloseTo(whole.loss, 6);
    expect(apart.accuracy).toBe(whole.accuracy);
    const cut = await evaluateModel({ ...spec, maxLength: 10 });
    expect(cut.truncatedRows).toBeGreaterThan(0);
    expect(cut.tokens).toBe(whole.tokens);
  });

  it('E3: times predictions after three warm-ups', async () => {
    const { latency, peakMemoryBytes, milliseconds } = await evaluateModel({
      ...spec,
      timedPredictions: 5,
      maxNewTokens: 4,
    });
    expect(latency).toMatchObject({ predictions: 5, warmUps: 3 });
    const { lowerQuartileMilliseconds, medianMilliseconds, upperQuartileMilliseconds } = latency!;
    expect(lowerQuartileMilliseconds).toBeGreaterThan(0);
    expect(medianMilliseconds).toBeGreaterThanOrEqual(lowerQuartileMilliseconds);
    expect(upperQuartileMilliseconds).toBeGreaterThanOrEqual(medianMilliseconds);
    expect(latency!.tokensPerSecond).toBeGreaterThan(0);
    expect(peakMemoryBytes).toBeGreaterThanOrEqual(process.memoryUsage.rss() / 2);
    expect(milliseconds).toBeGreaterThan(0);
  });

  it('runs in the engine’s thread with progress, and stops when aborted', async () => {
    const engine = createEngine({ threads: 1 });
    try {
      const progress: [number, number][] = [];
      const result = await engine.evaluate(
        { ...spec, batchSize: 8 },
        { onProgress: (done, total) => progress.push([done, total]) },
      );
      expect(progress).toEqual([
        [8, 22],
        [16, 22],
        [22, 22],
      ]);
      expect(result.loss).toBeCloseTo((await evaluateModel(spec)).loss, 6);
      const controller = new AbortController();
      const reason = new Error('enough');
      const stopped = engine.evaluate(
        { ...spec, batchSize: 1 },
        { onProgress: () => controller.abort(reason), signal: controller.signal },
      );
      await expect(stopped).rejects.toBe(reason);
    } finally {
      await engine.close();
    }
  });

  it('refuses options out of range, and weights whose scores overflow', async () => {
    await expect(evaluateModel({ ...spec, batchSize: 0 })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: 'batchSize is 0.',
    });
    const modelDir = join(folder, 'broken');
    await cp(spec.modelDir, modelDir, { recursive: true });
    const { tensors } = await readSafetensors(join(modelDir, 'model.safetensors'));
    (tensors.get('model.norm.weight')!.data as Float32Array).fill(3e38);
    await writeSafetensors(join(modelDir, 'model.safetensors'), tensors);
    await expect(evaluateModel({ ...spec, modelDir })).rejects.toMatchObject({ code: 'E_NUMERIC' });
  });
});

describe('evaluateModel of other kinds', () => {
  const copyModel = async (name: string): Promise<string> => {
    const modelDir = join(folder, name);
    await cp(join(fixtures, 'models', name), modelDir, { recursive: true });
    for (const file of ['tokenizer.json', 'tokenizer_config.json'])
      await cp(join(folder, 'model', file), join(modelDir, file));
    return modelDir;
  };

  it('E1: accuracy, loss and F1 of a classifier follow from its probabilities', async () => {
    const modelDir = await copyModel('distilbert');
    const { config } = await loadModel(modelDir);
    if (config.kind !== 'classifier') throw new Error('the fixture is no classifier');
    const rows = ['a b c', 'd', 'e f g h i j', 'k l', 'm a', 'b b b'].map((prompt, i) => ({
      id: `${i}`,
      prompt,
      completion: i % 2 === 0 ? config.labels[i % 3]! : String(i % 3),
    }));
    const dataFile = join(folder, 'classes.jsonl');
    await writeFile(dataFile, jsonLines(rows));
    const result = await evaluateModel({ modelDir, adapterDir: null, dataFile, batchSize: 4, timedPredictions: 2 });
    const predictions = result.classes!.predictions;
    expect(predictions.map(({ label }) => label)).toEqual([0, 1, 2, 0, 1, 2]);
    for (const { probabilities } of predictions) {
      expect(probabilities).toHaveLength(config.labels.length);
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
    }
    const predicted = predictions.map(({ probabilities }) => probabilities.indexOf(Math.max(...probabilities)));
    const report = classificationReport([0, 1, 2, 0, 1, 2], predicted, config.labels.length);
    expect(result.accuracy).toBe(report.accuracy);
    const losses = predictions.map(({ label, probabilities }) => -Math.log(probabilities[label]!));
    expect(result.loss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / 6, 12);
    expect(result).toMatchObject({ tokens: null, perplexity: null, latency: { tokensPerSecond: null } });
    const alone = await evaluateModel({ modelDir, adapterDir: null, dataFile, batchSize: 1 });
    alone.classes!.predictions.forEach(({ probabilities }, i) =>
      probabilities.forEach((p, label) => expect(p).toBeCloseTo(predictions[i]!.probabilities[label]!, 5)),
    );
    const sure = join(folder, 'sure');
    await cp(modelDir, sure, { recursive: true });
    const { tensors } = await readSafetensors(join(sure, 'model.safetensors'));
    (tensors.get('classifier.bias')!.data as Float32Array)[0]! += 150;
    await writeSafetensors(join(sure, 'model.safetensors'), tensors);
    await writeFile(dataFile, jsonLines([{ id: 'x', prompt: 'a', completion: '1' }]));
    const wrong = await evaluateModel({ modelDir: sure, adapterDir: null, dataFile });
    expect(wrong.loss).toBeGreaterThan(104);
    expect(wrong.loss).toBeLessThan(200);
    await writeFile(dataFile, jsonLines([{ id: 'x', prompt: 'a', completion: 'no class' }]));
    await expect(evaluateModel({ modelDir, adapterDir: null, dataFile })).rejects.toMatchObject({
      code: 'E_DATA_INVALID',
      message: expect.stringContaining('"no class"') as string,
    });
  });

  it('E1: an encoder-decoder is scored on its target, alone as in a batch', async () => {
    const modelDir = await copyModel('t5_gated');
    const whole = await evaluateModel({ ...spec, modelDir, timedPredictions: 1 });
    const apart = await evaluateModel({ ...spec, modelDir, batchSize: 1 });
    expect(whole.perplexity).toBeGreaterThan(1);
    expect(apart.loss).toBeCloseTo(whole.loss, 5);
    expect(whole.latency!.tokensPerSecond).toBeGreaterThan(0);
    const dataFile = join(folder, 'sources.jsonl');
    const lossOf = async (rows: TrainingRow[], maxLength?: number) => {
      await writeFile(dataFile, jsonLines(rows));
      return evaluateModel({ modelDir, adapterDir: null, dataFile, ...(maxLength && { maxLength }) });
    };
    const pair = ['a b c', 'm l k j'].map((prompt, i) => ({ id: `${i}`, prompt, completion: 'd e' }));
    const alike = await lossOf(pair.map((row) => ({ ...row, id: 'same' })));
    expect(alike.loss).toBe((await lossOf(pair)).loss);
    // The last token of a source stays when it is cut, here as in training.
    const cut = await lossOf([{ id: '1', prompt: 'a b c d e f g h', completion: 'd e' }], 4);
    expect(cut.truncatedRows).toBe(1);
    expect(cut.loss).toBe((await lossOf([{ id: '1', prompt: 'a b c h', completion: 'd e' }])).loss);
  });
});
