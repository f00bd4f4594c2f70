/** The Ratchet side of bench/generate.ts: `our-generation.js FOLDER THREADS`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Decoder } from '../engine/generate/decoder.js';
import { generateTokens } from '../engine/generate/generate-tokens.js';
import { loadModel } from '../engine/nn/load-model.js';
import { answerSteps } from './answer.js';
import type { GenerationWork } from './generate.js';

const [folder, threads] = process.argv.slice(2) as [string, string];
const work = JSON.parse(readFileSync(join(folder, 'workload.json'), 'utf8')) as GenerationWork;
const { config, weights } = await loadModel(work.model);
const decoder = new Decoder(config, weights, { threads: Number(threads) });
await answerSteps({ node: process.version }, async (index) => {
  const prompts = work.steps[index]!.map(({ ids }) => ids);
  const options = { maxNewTokens: work.newTokens, temperature: 0, endIds: [], seed: 1, batchSize: prompts.length };
  const generated = await generateTokens(decoder, prompts, options);
  return { tokens: generated.map(({ tokens }) => tokens) };
});
await decoder.release();
