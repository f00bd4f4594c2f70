import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fineTuningSchema } from '../../../config/fine-tuning.js';
import { stream } from '../../../config/random.js';
import { readSafetensors, writeSafetensors } from '../../../engine/formats/safetensors.js';
import { evaluateModel, FINE_TUNING_DEFAULTS, FineTuningTrainer } from '../../../engine/index.js';
import { classificationReport } from '../../../learning/metrics/classification.js';
import { jsonLines, TINY_CONFIG, writeTinyModel } from '../train/tiny-model.js';
import { randomModel } from '../nn/random-weights.js';

const ENCODER = {
  model_type: 'distilbert',
  architectures: ['DistilBertForSequenceClassification'],
  vocab_size: TINY_CONFIG.vocab_size,
  dim: 16,
  hidden_dim: 32,
  n_layers: 1,
  n_heads: 2,
  max_position_embeddings: 32,
  dropout: 0,
  attention_dropout: 0,
  pad_token_id: 0,
  id2label: { 0: 'negative', 1: 'positive' },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-fine-tuning-'));
  await writeTinyModel(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function writeEncoder(): Promise<string> {
  const model = join(folder, 'model');
  await writeFile(join(model, 'config.json'), JSON.stringify(ENCODER));
  await writeSafetensors(join(model, 'model.safetensors'), randomModel(ENCODER, { scale: 0.2 }).weights);
  return model;
}

/** Made-up tweets: words a to f are glad, g to m are sad, and most of a tweet's words agree with its feeling. */
function tweets(count: number, seed: number) {
  const draws = stream(seed, 'tweets');
  return Array.from({ length: count }, (_, i) => {
    const glad = i % 3 === 0;
    const words = Array.from({ length: 5 }, (__, place) =>
      draws.pick([...(glad === place < 4 ? 'abcdef' : 'ghijklm')]),
    );
    return { prompt: words.join(' '), completion: glad ? 'positive' : 'negative' };
  });
}

describe('FineTuningTrainer', () => {
  it('T2: a tiny encoder beats the majority on separable tweets; accuracy and F1 match a count by hand', async () => {
    const model = await writeEncoder();
    const trainer = new FineTuningTrainer(
      {
        model,
        outputDir: join(folder, 'runs'),
        trainingStrategy: 'full',
        numLabels: 2,
        numEpochs: 3,
        batchSize: 16,
        gradientAccumulationSteps: 1,
        learningRate: 0.01,
      },
      { threads: 1 },
    );
    try {
      const evaluation = tweets(45, 2);
      const result = await trainer.train(tweets(150, 1), evaluation, 'sentiment_ft');
      expect(result.outputDir).toBe(join(folder, 'runs', 'sentiment_ft'));
      const scores = await trainer.evaluateModel(evaluation);
      const { names, predictions } = scores.evaluation.classes!;
      const truth = evaluation.map(({ completion }) => names.indexOf(completion));
      const predicted = predictions.map(({ probabilities }) => probabilities.indexOf(Math.max(...probabilities)));
      const report = classificationReport(truth, predicted, 2);
      expect(scores.accuracy).toBe(truth.filter((label, i) => label === predicted[i]).length / truth.length);
      expect(scores.f1).toBeCloseTo(report.macro.f1, 12);
      expect(scores.accuracy).toBeGreaterThan(2 / 3 + 0.2);
    } finally {
      await trainer.close();
    }
  });

  it.each(['lora', 'full'] as const)(
    'T2: gives a body without a head the classes that are named (%s)',
    async (trainingStrategy) => {
      const model = await writeEncoder();
      const file = join(model, 'model.safetensors');
      const { tensors } = await readSafetensors(file);
      const body = [...tensors].filter(([name]) => !name.includes('classifier'));
      await writeSafetensors(file, new Map(body));
      const config = {
        model,
        outputDir: join(folder, 'runs'),
        trainingStrategy,
        targetModules: 'all-linear' as const,
        labels: ['positive', 'neutral', 'negative'],
        numEpochs: 8,
        gradientAccumulationSteps: 1,
        learningRate: 0.01,
      };
      const trainer = new FineTuningTrainer(config, { threads: 1 });
      try {
        const { outputDir } = await trainer.train(tweets(90, 1));
        const { accuracy, evaluation } = await trainer.evaluateModel(tweets(60, 2));
        expect(evaluation.classes!.names).toEqual(config.labels);
        expect(accuracy).toBeGreaterThan(0.8);
        // The adapter (or model) alone has all of the head: whoever loads it gets the same scores.
        const [modelDir, adapterDir] = trainingStrategy === 'full' ? [outputDir, null] : [model, outputDir];
        const dataFile = join(folder, 'test.jsonl');
        await writeFile(dataFile, jsonLines(tweets(60, 2).map((row, i) => ({ id: String(i), ...row }))));
        const again = await evaluateModel({ modelDir, adapterDir, dataFile });
        expect(again.classes).toEqual(evaluation.classes);
        const written = JSON.parse(await readFile(join(outputDir, 'config.json'), 'utf8')) as object;
        expect(written).toMatchObject({ label2id: { positive: 0, neutral: 1, negative: 2 } });
      } finally {
        await trainer.close();
      }
    },
  );

  it('T2: refuses a model with another number of classes', async () => {
    const trainer = new FineTuningTrainer(
      { model: await writeEncoder(), outputDir: folder, numLabels: 3 },
      { threads: 1 },
    );
    try {
      await expect(trainer.evaluateModel(tweets(3, 1))).rejects.toMatchObject({
        code: 'E_CONFIG_INVALID',
        message: 'numLabels is 3, but the model has 2 classes.',
      });
    } finally {
      await trainer.close();
    }
  });

  it('trains an adapter of a language model from a file; the same call again repeats nothing', async () => {
    const config = {
      model: join(folder, 'model'),
      outputDir: join(folder, 'runs'),
      targetModules: 'all-linear' as const,
    };
    const trainer = new FineTuningTrainer({ ...config, numEpochs: 1 }, { threads: 1 });
    try {
      const run = () => trainer.train(join(folder, 'train.jsonl'), join(folder, 'validation.jsonl'), 'first');
      const result = await run();
      expect(await run()).toEqual(result);
      const scores = await trainer.evaluateModel(join(folder, 'validation.jsonl'));
      expect(scores.f1).toBeNull();
      expect(scores.evaluation.loss).toBeCloseTo(result.validationLoss!, 4);
    } finally {
      await trainer.close();
    }
  });

  it('hands over whether a template wrote the prompts', async () => {
    const outputDir = join(folder, 'runs');
    const trainer = new FineTuningTrainer({ model: join(folder, 'model'), outputDir }, { threads: 1 });
    try {
      await trainer.evaluateModel([{ prompt: 'a', completion: 'b', fromTemplate: true }]);
      const [file] = await readdir(join(outputDir, 'data'));
      expect(JSON.parse(await readFile(join(outputDir, 'data', file!), 'utf8'))).toEqual({
        id: '1',
        prompt: 'a',
        completion: 'b',
        fromTemplate: true,
      });
    } finally {
      await trainer.close();
    }
  });

  it('T3: has the defaults that the configuration of `ratchet train` has', () => {
    const { outputDir: _, numLabels: __, labels: ___, ...shared } = FINE_TUNING_DEFAULTS;
    const configured = fineTuningSchema('generation').parse({ task: 'generation' }) as Record<string, unknown>;
    expect(Object.fromEntries(Object.keys(shared).map((key) => [key, configured[key]]))).toEqual(shared);
  });
});
