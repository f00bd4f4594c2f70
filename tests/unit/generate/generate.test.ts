import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateSpec } from '../../../engine/api.js';
import { readAdapter, writeAdapter } from '../../../engine/formats/peft.js';
import { readSafetensors, writeSafetensors } from '../../../engine/formats/safetensors.js';
import { createSharedGraphs } from '../../../engine/generate/compiled-model.js';
import { Decoder } from '../../../engine/generate/decoder.js';
import { generateTexts } from '../../../engine/generate/generate.js';
import { generateTokens } from '../../../engine/generate/generate-tokens.js';
import type { TokenGenerationOptions } from '../../../engine/generate/token-generation.js';
import { loadModel } from '../../../engine/nn/load-model.js';
import { loadTokenizer } from '../../../engine/tokenizer/tokenizer.js';
import { evaluateForward } from '../../../engine/train/step.js';

const fixtures = join(import.meta.dirname, '../../parity/fixtures');

/** 20 prompts of 1 to 20 tokens. */
const prompts = Array.from({ length: 20 }, (_, i) =>
  Array.from({ length: 1 + i }, (_unused, j) => 3 + ((i * 31 + j * 17) % 300)),
);
const options: TokenGenerationOptions = { maxNewTokens: 25, temperature: 0, endIds: [], seed: 3, batchSize: 32 };

describe.each(['llama', 'gpt2'])('generateTokens with %s', (name) => {
  let decoder: Decoder;
  beforeAll(async () => {
    const { config, weights } = await loadModel(join(fixtures, 'models', name));
    decoder = new Decoder(config, weights);
  });
  afterAll(() => decoder.release());

  it('chooses at each position what a forward pass without a cache would', async () => {
    const model = await loadModel(join(fixtures, 'models', name));
    const prompt = prompts[6]!;
    const [generation] = await generateTokens(decoder, [prompt], options);
    const ids = [...prompt, ...generation!.tokens];
    const time = ids.length;
    const { logits } = await evaluateForward(model, {
      batch: 1,
      time,
      inputIds: ids,
      attentionMask: ids.map(() => 1),
      labels: ids,
    });
    let logProbability = 0;
    generation!.tokens.forEach((token, i) => {
      const row = [...logits.subarray((prompt.length + i - 1) * 320, (prompt.length + i) * 320)];
      expect(row.indexOf(Math.max(...row))).toBe(token);
      logProbability += row[token]! - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
    });
    expect(generation!.meanLogProbability).toBeCloseTo(logProbability / generation!.tokens.length, 4);
  });

  it.each([0, 0.8])('gives the same tokens in any batch, at temperature %f', async (temperature) => {
    const run = (batchSize: number) =>
      generateTokens(decoder, prompts, { ...options, temperature, topP: 0.95, batchSize });
    const together = await run(32);
    for (const batchSize of [1, 3, 8]) {
      const apart = await run(batchSize);
      expect(apart.map((result) => result.tokens)).toEqual(together.map((result) => result.tokens));
      apart.forEach((result, i) => expect(result.meanEntropy).toBeCloseTo(together[i]!.meanEntropy, 5));
    }
    expect(await run(32)).toEqual(together);
  });

  it('samples other tokens with another seed', async () => {
    const run = async (seed: number) =>
      (await generateTokens(decoder, prompts, { ...options, temperature: 1, seed })).map((result) => result.tokens);
    expect(await run(1)).not.toEqual(await run(2));
  });

  it('stops each row at its end token while the others go on', async () => {
    const free = await generateTokens(decoder, prompts, options);
    const endIds = [free[0]!.tokens[2]!, free[9]!.tokens[5]!];
    const stopped = await generateTokens(decoder, prompts, { ...options, endIds });
    stopped.forEach((result, i) => {
      const end = free[i]!.tokens.findIndex((token) => endIds.includes(token));
      expect(result.tokens).toEqual(end < 0 ? free[i]!.tokens : free[i]!.tokens.slice(0, end + 1));
      expect(result.finished).toBe(end >= 0);
    });
    expect(stopped.filter((result) => result.finished).length).toBeGreaterThan(1);
  });

  it('ends at the last position the model has', async () => {
    const { maxPositions } = decoder.config;
    const [generation] = await generateTokens(decoder, [prompts[19]!], { ...options, maxNewTokens: 1000 });
    expect(generation!.tokens).toHaveLength(maxPositions - 20);
    expect(generation!.finished).toBe(false);
  });

  it('refuses a prompt that is empty or fills the context', async () => {
    const { maxPositions } = decoder.config;
    for (const length of [0, maxPositions]) {
      await expect(generateTokens(decoder, [[5], Array.from({ length }, () => 5)], options)).rejects.toMatchObject({
        code: 'E_DATA_INVALID',
        message: `Prompt 2 has ${length} tokens.`,
      });
    }
  });

  it('gives the same when the tails of several batches are decoded together', async () => {
    const free = await generateTokens(decoder, prompts, options);
    const ended = { ...options, endIds: free.map(({ tokens }, i) => tokens[i]!).slice(0, 12) };
    const together = await generateTokens(decoder, prompts, ended);
    expect(new Set(together.map(({ tokens }) => tokens.length)).size).toBeGreaterThan(3);
    const done: number[] = [];
    const parked = await generateTokens(decoder, prompts, {
      ...ended,
      batchSize: 16,
      onProgress: (rows) => done.push(rows),
    });
    expect(parked.map(({ tokens }) => tokens)).toEqual(together.map(({ tokens }) => tokens));
    expect(done.at(-1)).toBe(20);
  });

  it('shares its graphs with other models of its shape, and with no other', async () => {
    const graphs = createSharedGraphs();
    const model = await loadModel(join(fixtures, 'models', name));
    const run = async (config = model.config) => {
      const other = new Decoder(config, model.weights, { graphs });
      const results = await generateTokens(other, prompts.slice(0, 3), { ...options, maxNewTokens: 3 });
      await other.release();
      return results;
    };
    const first = await run();
    expect(graphs.size).toBe(2);
    expect(await run()).toEqual(first);
    expect(graphs.size).toBe(2);
    const changed = await run({ ...model.config, normEpsilon: 0.5 });
    expect(graphs.size).toBe(4);
    expect(changed).not.toEqual(first);
    await graphs.clear();
  });

  it('writes no end token before the wanted number of others', async () => {
    const free = await generateTokens(decoder, prompts, options);
    const endIds = [free[0]!.tokens[2]!, free[9]!.tokens[5]!];
    const results = await generateTokens(decoder, prompts, { ...options, endIds, minNewTokens: 8 });
    for (const { tokens } of results) {
      const end = tokens.findIndex((token) => endIds.includes(token));
      expect(end < 0 || end >= 8).toBe(true);
    }
  });

  it('repeats no pair of tokens where that is forbidden', async () => {
    const [generation] = await generateTokens(decoder, [prompts[3]!], { ...options, noRepeatNgramSize: 2 });
    const all = [...prompts[3]!, ...generation!.tokens];
    const pairs = all.slice(1).map((token, i) => `${all[i]} ${token}`);
    expect(new Set(pairs).size).toBe(pairs.length);
  });

  it('ends where it is told to stop, token by token', async () => {
    const seen: number[] = [];
    const [generation] = await generateTokens(decoder, [prompts[2]!], {
      ...options,
      isStop(tokens) {
        seen.push(tokens.length);
        return tokens.length === 5;
      },
    });
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(generation).toMatchObject({ finished: true });
    expect(generation!.tokens).toHaveLength(5);
  });

  it('finds beams at least as likely as the greedy text, best first, the same in any batch', async () => {
    const greedy = await generateTokens(decoder, prompts.slice(0, 6), { ...options, maxNewTokens: 8 });
    const beams = { count: 3, returned: 2, lengthPenalty: 1, earlyStopping: false };
    const run = (batchSize: number) =>
      generateTokens(decoder, prompts.slice(0, 6), { ...options, maxNewTokens: 8, beams, batchSize });
    const together = await run(18);
    expect(together).toHaveLength(12);
    greedy.forEach(({ meanLogProbability }, i) => {
      const [best, second] = [together[2 * i]!, together[2 * i + 1]!];
      expect(best.score).toBeGreaterThanOrEqual(meanLogProbability - 1e-5);
      expect(best.score).toBeGreaterThanOrEqual(second.score!);
      expect(best.score).toBeCloseTo(best.meanLogProbability, 5);
    });
    const apart = await run(1);
    expect(apart.map(({ tokens }) => tokens)).toEqual(together.map(({ tokens }) => tokens));
  });

  it('reports progress and stops when aborted', async () => {
    const progress: [number, number][] = [];
    const abort = new AbortController();
    const reason = new Error('enough');
    const run = generateTokens(decoder, prompts, {
      ...options,
      batchSize: 8,
      signal: abort.signal,
      onProgress(done, total) {
        progress.push([done, total]);
        if (done === 16) abort.abort(reason);
      },
    });
    await expect(run).rejects.toBe(reason);
    expect(progress).toEqual([
      [8, 20],
      [16, 20],
    ]);
  });
});

it('reads a prompt whose padding goes beyond the positions of the model', async () => {
  const { config, weights } = await loadModel(join(fixtures, 'models/gpt2'));
  const table = weights.get('transformer.wpe.weight')!;
  const data = (table.data as Float32Array).slice(0, 21 * config.hiddenSize);
  const cut = new Map(weights).set('transformer.wpe.weight', { ...table, shape: [21, config.hiddenSize], data });
  const run = async (maxPositions: number, params: typeof weights) => {
    const decoder = new Decoder({ ...config, maxPositions }, params);
    const results = await generateTokens(decoder, [prompts[17]!], { ...options, maxNewTokens: 3 });
    await decoder.release();
    return results;
  };
  expect(await run(21, cut)).toEqual(await run(config.maxPositions, weights));
});

it('refuses to generate with a classifier', async () => {
  const { config, weights } = await loadModel(join(fixtures, 'models/distilbert'));
  expect(() => new Decoder(config, weights)).toThrow('A distilbert classifier writes no text.');
});

describe('generateTexts', () => {
  let folder: string;
  let spec: GenerateSpec;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-generate-'));
    await cp(join(fixtures, 'models/llama'), folder, { recursive: true });
    // The tokenizer knows 520 tokens and the model 320: prompts of ASCII bytes stay within it.
    await cp(join(fixtures, 'tokenizers/bpe_bytelevel/tokenizer.json'), join(folder, 'tokenizer.json'));
    spec = { modelDir: folder, adapterDir: null, prompts: ['a b c', 'x'], maxNewTokens: 6, temperature: 0 };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('gives text, tokens and their statistics', async () => {
    const [first, second] = await generateTexts(spec);
    expect(first).toMatchObject({ finished: false, text: expect.any(String) as string });
    expect(first!.tokens).toHaveLength(6);
    expect(first!.text.length).toBeGreaterThan(0);
    expect(first!.meanLogProbability).toBeLessThan(0);
    expect(second!.meanEntropy).toBeGreaterThan(0);
    expect(second!.meanEntropy).toBeLessThan(Math.log(320));
    expect(await generateTexts(spec)).toEqual([first, second]);
  });

  it('continues the end of a prompt that is longer than the context where it is asked to', async () => {
    const { maxPositions } = (await loadModel(folder)).config;
    const tokenizer = await loadTokenizer(folder);
    const long = 'a b c '.repeat(maxPositions);
    const kept = tokenizer.decode(tokenizer.encode(long).slice(-(maxPositions - spec.maxNewTokens)));
    await expect(generateTexts({ ...spec, prompts: [long] })).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
    const [cut] = await generateTexts({ ...spec, prompts: [long], truncatePrompts: true });
    expect(cut!.tokens).toHaveLength(6);
    expect(await generateTexts({ ...spec, prompts: [kept] })).toEqual([cut]);
    expect(await generateTexts({ ...spec, truncatePrompts: true })).toEqual(await generateTexts(spec));
  });

  it('with an adapter whose B is zero gives what the base gives, with a trained one something else', async () => {
    const base = await generateTexts(spec);
    const adapterDir = join(fixtures, 'lora/llama');
    const zero = await generateTexts({ ...spec, adapterDir: join(adapterDir, 'initial') });
    expect(zero).toEqual(base);
    const trained = await generateTexts({ ...spec, adapterDir: join(adapterDir, 'final') });
    expect(trained.map((item) => item.meanLogProbability)).not.toEqual(base.map((item) => item.meanLogProbability));
  });

  it('ends the text before a stop string, and keeps its tokens', async () => {
    const [free] = await generateTexts({ ...spec, maxNewTokens: 12 });
    const stop = free!.text.slice(3, 5);
    const [stopped] = await generateTexts({ ...spec, maxNewTokens: 12, stopStrings: ['never written', stop] });
    expect(stopped!.text).toBe(free!.text.slice(0, free!.text.indexOf(stop)));
    expect(stopped!.finished).toBe(true);
    expect(stopped!.tokens.length).toBeLessThan(12);
    expect(stopped!.tokens).toEqual(free!.tokens.slice(0, stopped!.tokens.length));
  });

  it('takes the end tokens that the caller names, or none', async () => {
    const [free] = await generateTexts(spec);
    const [ended] = await generateTexts({ ...spec, endIds: [free!.tokens[1]!] });
    expect(ended!.tokens).toEqual(free!.tokens.slice(0, 1 + free!.tokens.indexOf(free!.tokens[1]!)));
    expect((await generateTexts({ ...spec, endIds: [] }))[0]!.tokens).toHaveLength(6);
  });

  it('ends where generation_config.json or the tokenizer says, besides config.json', async () => {
    const [free] = await generateTexts({ ...spec, endIds: [] });
    const [, second, third] = free!.tokens;
    const upTo = (end: number) => free!.tokens.slice(0, 1 + free!.tokens.indexOf(end));
    const modelDir = join(folder, 'chat');
    await cp(join(fixtures, 'models/llama'), modelDir, { recursive: true });
    await cp(join(folder, 'tokenizer.json'), join(modelDir, 'tokenizer.json'));
    const own = join(modelDir, 'generation_config.json');
    await writeFile(own, JSON.stringify({ eos_token_id: [100_000, -1, third] }));
    const [ended] = await generateTexts({ ...spec, modelDir });
    expect(ended).toMatchObject({ tokens: upTo(third!), finished: true });
    const token = (await loadTokenizer(folder)).decode([second!]);
    await writeFile(join(modelDir, 'tokenizer_config.json'), JSON.stringify({ eos_token: token }));
    expect((await generateTexts({ ...spec, modelDir }))[0]!.tokens).toEqual(upTo(second!));
    for (const text of ['{', '[]', '{"eos_token_id":"2"}', '{"eos_token_id":[1.5]}']) {
      await writeFile(own, text);
      await expect(generateTexts({ ...spec, modelDir })).rejects.toMatchObject({
        code: 'E_MODEL_INVALID',
        message: expect.stringContaining('generation_config.json') as string,
      });
    }
  });

  it('returns the beams of each prompt with their scores', async () => {
    const results = await generateTexts({ ...spec, numBeams: 3, numReturnSequences: 3 });
    expect(results).toHaveLength(6);
    const scores = results.slice(0, 3).map(({ score }) => score!);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(new Set(results.slice(0, 3).map(({ tokens }) => tokens.join())).size).toBe(3);
  });

  it('refuses weights whose scores overflow', async () => {
    const broken = join(folder, 'broken');
    await cp(join(fixtures, 'models/llama'), broken, { recursive: true });
    await cp(join(folder, 'tokenizer.json'), join(broken, 'tokenizer.json'));
    const file = join(broken, 'model.safetensors');
    const { tensors } = await readSafetensors(file);
    (tensors.get('model.norm.weight')!.data as Float32Array).fill(3e38);
    await writeSafetensors(file, tensors);
    await expect(generateTexts({ ...spec, modelDir: broken })).rejects.toMatchObject({ code: 'E_NUMERIC' });
  });

  it('refuses an adapter of another model, and options out of range, by name', async () => {
    const adapterDir = join(folder, 'adapter');
    const adapter = await readAdapter(join(fixtures, 'lora/gpt2/final'));
    await writeAdapter(adapterDir, adapter);
    await expect(generateTexts({ ...spec, adapterDir })).rejects.toMatchObject({ code: 'E_MODEL_INVALID' });
    const wrong: Partial<GenerateSpec>[] = [
      { maxNewTokens: 0 },
      { temperature: -1 },
      { topK: 0 },
      { topP: 0 },
      { minP: 2 },
      { repetitionPenalty: 0 },
      { noRepeatNgramSize: 0 },
      { minNewTokens: -1 },
      { stopStrings: [''] },
      { endIds: [-1] },
      { numBeams: 0 },
      { numBeams: 2, temperature: 1 },
      { numReturnSequences: 2 },
      { lengthPenalty: Number.NaN },
      { batchSize: 0.5 },
    ];
    for (const change of wrong) {
      const message = expect.stringContaining(Object.keys(change)[0]!) as string;
      await expect(generateTexts({ ...spec, ...change })).rejects.toMatchObject({ code: 'E_USAGE', message });
    }
  });

  it('takes the end token from the tokenizer where the model names none', async () => {
    const [first] = await generateTexts(spec);
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
    const other = join(folder, 'other');
    await cp(join(fixtures, 'models/llama'), other, { recursive: true });
    await writeFile(join(other, 'config.json'), JSON.stringify({ ...config, eos_token_id: null }));
    const tokenizer = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')) as {
      model: { vocab: Record<string, number> };
    };
    await writeFile(join(other, 'tokenizer.json'), JSON.stringify(tokenizer));
    const [end] = Object.entries(tokenizer.model.vocab).find(([, id]) => id === first!.tokens[1])!;
    await writeFile(join(other, 'tokenizer_config.json'), JSON.stringify({ eos_token: end }));
    const [stopped] = await generateTexts({ ...spec, modelDir: other });
    expect(stopped).toMatchObject({
      tokens: first!.tokens.slice(0, 1 + first!.tokens.indexOf(first!.tokens[1]!)),
      finished: true,
    });
  });
});
