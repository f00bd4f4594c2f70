import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainSpec } from '../../../engine/api.js';
import { readAdapter } from '../../../engine/formats/peft.js';
import { readSafetensors, writeSafetensors } from '../../../engine/formats/safetensors.js';
import { loadModel } from '../../../engine/nn/load-model.js';
import { decodeBitsandbytes, encodeBitsandbytes } from '../../../engine/quantization/bitsandbytes.js';
import { loadQuantizedModel } from '../../../engine/quantization/load-quantized-model.js';
import { dequantizeModel, quantizedBytes, quantizeModel } from '../../../engine/quantization/quantized-weight.js';
import { trainModel } from '../../../engine/train/train-model.js';
import { randomModel, TINY_T5 } from '../nn/random-weights.js';
import { jsonLines, tinySpec } from '../train/tiny-model.js';

const base = join(import.meta.dirname, '../../../models/base');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-qlora-'));
  const rows = Array.from({ length: 8 }, (_, i) => ({ id: `${i}`, prompt: `note ${i}`, completion: 'title: a day' }));
  await writeFile(join(folder, 'train.jsonl'), jsonLines(rows));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const spec = (name: string, changes: Partial<TrainSpec['parameters']> = {}, modelDir = base): TrainSpec => ({
  ...tinySpec(folder),
  modelDir,
  strategy: 'qlora',
  validationFile: undefined,
  patience: undefined,
  outputDir: join(folder, name),
  checkpointDir: join(folder, `${name}-checkpoints`),
  parameters: { ...tinySpec(folder).parameters, numEpochs: 4, learningRate: 0.01, loraDropout: 0, ...changes },
});

describe('a QLoRA run on the base model', () => {
  it('T5: freezes at most 5 bits a number, and learns', async () => {
    const { quantized } = await loadQuantizedModel(base);
    const weights = [...quantized.values()];
    const bytes = weights.reduce((sum, weight) => sum + quantizedBytes(weight), 0);
    const numbers = weights.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
    expect(weights).toHaveLength(3 * 7);
    expect((8 * bytes) / numbers).toBeLessThanOrEqual(5);

    const losses: number[] = [];
    const result = await trainModel(spec('plain'), { onStep: (report) => losses.push(report.loss) }, { threads: 1 });
    expect(losses.at(-1)!).toBeLessThan(losses[0]! - 1);
    const { config, tensors } = await readAdapter(result.outputDir);
    expect(config).toMatchObject({ r: 3, initLoraWeights: true });
    expect(tensors.size).toBe(3 * 7 * 2);
    expect(await trainModel(spec('again'), {}, { threads: 1 })).toMatchObject({ sha256: result.sha256 });
  });

  it('trains DoRA too, and refuses PiSSA, which would change the codes', async () => {
    const result = await trainModel(spec('dora', { useDora: true, numEpochs: 1 }), {}, { threads: 1 });
    expect((await readAdapter(result.outputDir)).tensors.size).toBe(3 * 7 * 3);
    await expect(trainModel(spec('pissa', { initialization: 'pissa' }))).rejects.toMatchObject({
      code: 'E_CONFIG_INVALID',
    });
  });
});

describe('a bitsandbytes checkpoint', () => {
  it('keeps its codes in training, and is unpacked elsewhere', async () => {
    const model = join(folder, 'model');
    await cp(base, model, { recursive: true });
    const { config, weights, quantized } = await loadQuantizedModel(base);
    await writeSafetensors(join(model, 'model.safetensors'), new Map([...weights, ...encodeBitsandbytes(quantized)]));
    const name = 'model.layers.1.self_attn.q_proj.weight';
    expect((await loadQuantizedModel(model)).quantized.get(name)).toEqual(quantized.get(name));
    const unpacked = (await loadModel(model)).weights;
    expect(unpacked.get(name)).toEqual(dequantizeModel(config, weights, quantized).get(name));
    expect(unpacked.size).toBe(weights.size + quantized.size);
    const [a, b] = [spec('own-codes', { numEpochs: 1 }), spec('stored-codes', { numEpochs: 1 }, model)];
    const [x, y] = [await trainModel(a, {}, { threads: 1 }), await trainModel(b, {}, { threads: 1 })];
    expect(y.sha256).toBe(x.sha256);
    expect((await readFile(join(model, 'model.safetensors'))).length).toBeLessThan(500_000);
  });

  /** A folder of a random model whose modules are stored as codes. */
  async function storeQuantized(name: string, stored: object, told = stored): Promise<string> {
    const model = join(folder, name);
    const { config, weights } = randomModel(stored, { scale: 0.2 });
    const { weights: rest, quantized } = quantizeModel(config, weights);
    await mkdir(model, { recursive: true });
    await writeSafetensors(join(model, 'model.safetensors'), new Map([...rest, ...encodeBitsandbytes(quantized)]));
    await writeFile(join(model, 'config.json'), JSON.stringify(told));
    return model;
  }

  it('is trained with the head that its file has, whatever config.json says', async () => {
    const t5 = { ...TINY_T5, num_layers: 1 };
    const [untied, tied] = [false, true].map((tie) => ({ ...t5, tie_word_embeddings: tie }));
    const own = await storeQuantized('t5-own', untied!, tied);
    const ownHead = await loadQuantizedModel(own);
    expect(ownHead.config).toEqual((await loadModel(own)).config);
    expect(ownHead.config).toMatchObject({ tiedHead: false });
    expect(ownHead.weights.has('lm_head.weight')).toBe(true);
    const shared = await storeQuantized('t5-shared', tied!, untied);
    expect((await loadQuantizedModel(shared)).config).toMatchObject({ tiedHead: true });
  });

  it('gets the new head that is asked for, and is refused where a number is not finite', async () => {
    const model = await storeQuantized('classifier', {
      model_type: 'distilbert',
      vocab_size: 16,
      dim: 16,
      hidden_dim: 24,
      n_heads: 4,
      n_layers: 1,
      max_position_embeddings: 64,
      pad_token_id: 0,
    });
    const options = { newHead: { labels: ['a', 'b', 'c', 'd', 'e'], seed: 1 } };
    const asked = await loadQuantizedModel(model, options);
    const plain = await loadModel(model, options);
    expect(asked.config).toEqual(plain.config);
    expect(asked.newModules).toEqual(['classifier']);
    expect(asked.weights.get('classifier.weight')).toEqual(plain.weights.get('classifier.weight'));
    expect([...asked.weights.keys(), ...asked.quantized.keys()].sort()).toEqual([...plain.weights.keys()].sort());
    const half = await loadQuantizedModel(model, { precision: 'float16' });
    expect(half.weights.get('distilbert.embeddings.word_embeddings.weight')!.dtype).toBe('float16');

    const file = join(model, 'model.safetensors');
    const { tensors } = await readSafetensors(file);
    for (const name of ['pre_classifier.bias', 'distilbert.transformer.layer.0.ffn.lin1.weight.nested_absmax']) {
      const held = tensors.get(name)!;
      const data = Float32Array.from(held.data as Float32Array).fill(NaN, 0, 1);
      await writeSafetensors(file, new Map(tensors).set(name, { ...held, data }));
      await expect(loadQuantizedModel(model)).rejects.toMatchObject({
        code: 'E_MODEL_INVALID',
        message: expect.stringContaining(`"${name}" holds NaN at element 0`) as string,
      });
    }
  });

  it('is refused by name when a part is missing, misshapen or of another kind', async () => {
    const { quantized } = await loadQuantizedModel(base);
    const tensors = encodeBitsandbytes(quantized);
    const name = 'model.layers.0.mlp.up_proj.weight';
    const state = `${name}.quant_state.bitsandbytes__nf4`;
    const faultOf = (change: (of: typeof tensors) => void): string => {
      const changed = new Map(tensors);
      change(changed);
      try {
        decodeBitsandbytes('file', changed);
        return 'accepted';
      } catch (error) {
        return (error as Error).message;
      }
    };
    const withState = (from: string, to: string) => (of: typeof tensors) => {
      const data = Buffer.from(
        Buffer.from(tensors.get(state)!.data as Uint8Array)
          .toString()
          .replace(from, to),
      );
      of.set(state, { dtype: 'uint8', shape: [data.length], data: new Uint8Array(data) });
    };
    expect(faultOf(() => undefined)).toBe('accepted');
    expect(faultOf((of) => of.delete(`${name}.absmax`))).toContain(`"${name}.absmax" is not a uint8 tensor`);
    expect(faultOf(withState('256, 96', '256, 97'))).toContain('elements instead of');
    expect(faultOf(withState('"blocksize": 64', '"blocksize": 128'))).toContain('blocksize is 128, only 64');
    expect(faultOf(withState('{', ''))).toContain('not JSON');
    expect(faultOf((of) => of.set('a.quant_state.bitsandbytes__fp4', of.get(state)!))).toContain('only NF4');
  });
});
