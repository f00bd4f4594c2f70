/** The transformers.js side of bench/generate.ts: `peer-generation.js FOLDER THREADS PACKAGES`. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { forbidTelemetry } from '../engine/trace/onnxruntime.js';
import { answerSteps } from './answer.js';
import type { GenerationWork } from './generate.js';

/** The part of @huggingface/transformers that is used: the package is not a dependency. */
interface Transformers {
  env: { allowRemoteModels: boolean; localModelPath: string };
  Tensor: new (type: 'int64', data: BigInt64Array, shape: number[]) => unknown;
  AutoModelForCausalLM: {
    from_pretrained(
      name: string,
      options: object,
    ): Promise<{ generate(options: object): Promise<{ tolist(): bigint[][] }> }>;
  };
}

const [folder, threads, packages] = process.argv.slice(2) as [string, string, string];
const work = JSON.parse(readFileSync(join(folder, 'workload.json'), 'utf8')) as GenerationWork;
forbidTelemetry();
const require = createRequire(join(packages, 'package.json'));
const { env, Tensor, AutoModelForCausalLM } = require('@huggingface/transformers') as Transformers;
const { dependencies } = JSON.parse(readFileSync(join(packages, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};
env.allowRemoteModels = false;
env.localModelPath = dirname(work.onnx);
const model = await AutoModelForCausalLM.from_pretrained(basename(work.onnx), {
  device: 'cpu',
  dtype: 'fp32',
  local_files_only: true,
  session_options: { intraOpNumThreads: Number(threads), interOpNumThreads: 1 },
});
await answerSteps({ 'transformers.js': dependencies['@huggingface/transformers']! }, async (index) => {
  const rows = work.steps[index]!;
  const shape = [rows.length, rows[0]!.ids.length];
  const output = await model.generate({
    input_ids: new Tensor('int64', BigInt64Array.from(rows.flatMap(({ ids }) => ids.map(BigInt))), shape),
    attention_mask: new Tensor('int64', new BigInt64Array(shape[0]! * shape[1]!).fill(1n), shape),
    max_new_tokens: work.newTokens,
    do_sample: false,
  });
  return { tokens: output.tolist().map((row) => row.slice(shape[1]).map(Number)) };
});
