import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, embedTexts } from '../../../engine/index.js';
import { CompiledModel, integers } from '../../../engine/generate/compiled-model.js';
import { loadAdaptedModel } from '../../../engine/generate/load-adapted-model.js';
import { forward } from '../../../engine/nn/model.js';
import { writeTinyModel } from '../train/tiny-model.js';

const TEXTS = ['a b c', 'm m m m m', '', 'a b c', 'a b d c b a m a'];
let folder: string;
let modelDir: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-embed-'));
  await writeTinyModel(folder);
  modelDir = join(folder, 'model');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The mean of the hidden states of one text without padding, as a unit vector in double precision. */
async function byHand(text: string): Promise<number[]> {
  const { config, weights, tokenizer } = await loadAdaptedModel(modelDir, null);
  const ids = tokenizer.encode(text);
  const model = new CompiledModel(config, weights);
  const feeds = { ids: integers([1, ids.length], Int32Array.from(ids)) };
  const { hidden } = await model.run('by hand', feeds, (params, inputs) => ({
    hidden: forward(config, params, { inputIds: inputs['ids']! }).hidden,
  }));
  await model.release();
  const states = hidden!.data as Float32Array;
  const size = config.hiddenSize;
  const mean = Array.from({ length: size }, (_, i) => {
    let sum = 0;
    for (let token = 0; token < ids.length; token++) sum += states[token * size + i]!;
    return sum / ids.length;
  });
  const norm = Math.hypot(...mean);
  return mean.map((value) => value / norm);
}

describe('embedTexts', () => {
  it('R2: a vector is the mean of the hidden states of the text alone, whatever is beside it in the batch', async () => {
    const vectors = await embedTexts({ modelDir, adapterDir: null, texts: TEXTS, batchSize: 3 });
    for (const [place, text] of TEXTS.entries()) {
      if (text === '') continue;
      const expected = await byHand(text);
      vectors[place]!.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
    }
    expect(vectors[0]).toEqual(vectors[3]);
    expect(vectors[0]).not.toEqual(vectors[1]);
    expect(vectors[2]!.every((value) => value === 0)).toBe(true);
  });

  it('R2: comes through the engine with progress, bit for bit, and stops when it is told to', async () => {
    const engine = createEngine({ threads: 1 });
    const progress: string[] = [];
    const onProgress = (done: number, total: number) => void progress.push(`${done}/${total}`);
    const spec = { modelDir, adapterDir: null, texts: TEXTS, batchSize: 2 };
    const vectors = await engine.embed(spec, { onProgress });
    expect(vectors).toEqual(await embedTexts(spec));
    expect(progress).toEqual(['2/4', '4/4']);
    await expect(engine.embed(spec, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    await engine.close();
  });
});
