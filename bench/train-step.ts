/**
 * How long one LoRA train step takes: this engine (compiled), the same function on tfjs' own cpu backend, and PyTorch
 * with PEFT where Python has both. `npm run bench [-- --json]`. The arms take turns, so that a busy machine slows all
 * of them; medians over the measured steps. The first step of each arm (tracing, compiling) is timed apart.
 */
import { spawn } from 'node:child_process';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { stream } from '../config/random.js';
import type { HostTensor } from '../engine/api.js';
import { writeAdapter } from '../engine/formats/peft.js';
import { writeSafetensors } from '../engine/formats/safetensors.js';
import { parseModelConfig } from '../engine/nn/config.js';
import { loadModel, type LoadedModel } from '../engine/nn/load-model.js';
import { parameterShapes } from '../engine/nn/parameters.js';
import { AdamW } from '../engine/optim/adamw.js';
import { clipFactor, globalNorm } from '../engine/optim/clip.js';
import { createLora, type LoraAdapter } from '../engine/peft/lora.js';
import { causalObjective } from '../engine/objectives/language-model.js';
import type { MicroBatch } from '../engine/train/loss.js';
import { batchFeeds, gradientName, gradientProgram } from '../engine/train/program.js';
import { TrainStep } from '../engine/train/step.js';
import { runEagerly } from '../engine/trace/index.js';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    model: { type: 'string', default: 'models/base' },
    batch: { type: 'string', default: '16' },
    time: { type: 'string', default: '64' },
    steps: { type: 'string', default: '15' },
    'eager-steps': { type: 'string', default: '2' },
    threads: { type: 'string', default: String(availableParallelism()) },
    python: { type: 'string', default: 'python3' },
  },
});
const batch = Number(flags.batch);
const time = Number(flags.time);
const steps = Number(flags.steps);
const threads = Number(flags.threads);
/** The cpu backend takes many seconds a step, so it gets few. */
const eagerSteps = Number(flags['eager-steps']);
const LEARNING_RATE = 1e-4;

/** One way to run a train step. */
interface Arm {
  name: string;
  /** Loss of one step on this batch, after which the weights have changed. */
  step(batch: MicroBatch): Promise<number>;
  close(): Promise<void>;
}

const BASE_SHAPE = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 240,
  hidden_size: 96,
  intermediate_size: 256,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: true,
};

/** The model in `--model`, or one of the base model's shape with random weights. */
async function loadOrMakeModel(): Promise<LoadedModel & { source: string }> {
  const present = await access(join(flags.model, 'model.safetensors')).then(
    () => true,
    () => false,
  );
  if (present) return { ...(await loadModel(flags.model)), source: flags.model };
  const config = parseModelConfig('bench', JSON.stringify(BASE_SHAPE));
  const weights = new Map<string, HostTensor>();
  for (const [name, shape] of parameterShapes(config)) {
    const draws = stream(1, 'bench', name);
    const size = shape.reduce((product, extent) => product * extent, 1);
    const data = Float32Array.from({ length: size }, () => (shape.length === 1 ? 1 : draws.normal() * 0.1));
    weights.set(name, { dtype: 'float32', shape, data });
  }
  return { config, weights, source: 'random weights' };
}

function makeBatch(vocabulary: number, index: number): MicroBatch {
  const draws = stream(1, 'bench', 'batch', index);
  const ids = Array.from({ length: batch * time }, () => draws.integer(vocabulary));
  return { batch, time, inputIds: ids, attentionMask: ids.map(() => 1), labels: ids };
}

function compiledArm(model: LoadedModel, adapter: LoraAdapter): Arm {
  const step = new TrainStep({ ...model, adapter, weightDecay: 0.01, maxGradientNorm: 1, threads });
  return {
    name: 'ratchet',
    step: async (rows) => (await step.step([rows], LEARNING_RATE)).loss,
    close: () => step.release(),
  };
}

function eagerArm({ config, weights }: LoadedModel, adapter: LoraAdapter): Arm {
  const optimizer = new AdamW({ weightDecay: 0.01 });
  const trainable = new Map(
    [...adapter.tensors].map(([name, tensor]) => [
      name,
      { ...tensor, data: Float32Array.from(tensor.data as Float32Array) },
    ]),
  );
  return {
    name: 'tfjs cpu',
    async step(rows) {
      const prepared = causalObjective.prepare(rows);
      const feeds = {
        ...Object.fromEntries([...weights, ...trainable]),
        ...batchFeeds(prepared, { lossWeight: 1 / prepared.weight }),
      };
      const names = [...trainable.keys()];
      const results = await runEagerly('cpu', feeds, (tensors) =>
        gradientProgram({ config, adapter }, causalObjective, names, tensors),
      );
      const gradients = new Map(names.map((name) => [name, results[gradientName(name)]!.data as Float32Array]));
      optimizer.update(trainable, gradients, LEARNING_RATE, clipFactor(globalNorm(gradients.values()), 1));
      return (results['loss']!.data as Float32Array)[0]!;
    },
    close: async () => undefined,
  };
}

/** PyTorch in its own process: a line of ids in, a line with loss and milliseconds out. Null where it is not installed. */
async function torchArm(
  { config, weights }: LoadedModel,
  adapter: LoraAdapter,
): Promise<(Arm & { milliseconds: number }) | null> {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-bench-'));
  await writeFile(
    join(folder, 'config.json'),
    JSON.stringify({
      ...BASE_SHAPE,
      vocab_size: config.vocabularySize,
      hidden_size: config.hiddenSize,
      intermediate_size: config.intermediateSize,
      num_hidden_layers: config.layers,
      num_attention_heads: config.heads,
      num_key_value_heads: config.keyValueHeads,
      head_dim: config.headSize,
      rms_norm_eps: config.normEpsilon,
      tie_word_embeddings: config.tiedHead,
      max_position_embeddings: config.maxPositions,
    }),
  );
  await writeSafetensors(join(folder, 'model.safetensors'), weights);
  await writeAdapter(join(folder, 'adapter'), { config: adapter.config, tensors: new Map(adapter.tensors) });
  const script = join(import.meta.dirname.replace(/\/dist\//, '/'), 'train-step.py');
  const child = spawn(flags.python, [script, folder, String(threads), String(LEARNING_RATE)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = (await lines.next()) as { value?: string };
    return value === undefined ? null : (JSON.parse(value) as { loss?: number; milliseconds?: number });
  };
  const arm = {
    name: 'pytorch',
    milliseconds: 0,
    async step(rows: MicroBatch) {
      child.stdin.write(`${JSON.stringify({ batch, time, ids: rows.inputIds })}\n`);
      const answer = await next();
      if (answer?.loss === undefined) throw new Error('PyTorch stopped');
      arm.milliseconds = answer.milliseconds!;
      return answer.loss;
    },
    async close() {
      child.stdin.end();
      await rm(folder, { recursive: true, force: true });
    },
  };
  if ((await next()) !== null) return arm;
  await arm.close();
  return null;
}

const median = (values: number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
};

const model = await loadOrMakeModel();
const adapter = createLora(model.config, { rank: 16, alpha: 32, dropout: 0, targetModules: 'auto' }, 1);
const torch = model.config.architecture === 'llama' ? await torchArm(model, adapter) : null;
const arms: Arm[] = [
  compiledArm(model, adapter),
  ...(eagerSteps > 0 ? [eagerArm(model, adapter)] : []),
  ...(torch ? [torch] : []),
];
const times = new Map(arms.map((arm) => [arm.name, [] as number[]]));
const losses = new Map(arms.map((arm) => [arm.name, [] as number[]]));
for (let index = 0; index <= steps; index++) {
  const rows = makeBatch(model.config.vocabularySize, index);
  for (const arm of arms) {
    if (arm.name === 'tfjs cpu' && index >= eagerSteps) continue;
    const start = performance.now();
    losses.get(arm.name)!.push(await arm.step(rows));
    times.get(arm.name)!.push(arm === torch ? torch.milliseconds : performance.now() - start);
  }
}
for (const arm of arms) await arm.close();

let parameters = 0;
for (const { data } of model.weights.values()) parameters += data.length;
const results = arms.map(({ name }) => {
  const [first, ...rest] = times.get(name)! as [number, ...number[]];
  if (rest.length === 0) rest.push(first);
  const ours = losses.get('ratchet')!;
  const difference = Math.max(...losses.get(name)!.map((loss, i) => Math.abs(loss - ours[i]!)));
  return { name, firstMilliseconds: first, milliseconds: median(rest), steps: rest.length, lossDifference: difference };
});
const ownTime = results[0]!.milliseconds;
if (flags.json) {
  console.log(JSON.stringify({ model: model.source, parameters, batch, time, threads, results }));
} else {
  console.log(
    `LoRA rank 16 on ${model.source}, ${parameters} parameters, batch ${batch} × ${time}, ${threads} threads`,
  );
  for (const { name, firstMilliseconds, milliseconds, steps: measured, lossDifference } of results) {
    const ratio = name === 'ratchet' ? '' : `, ${(milliseconds / ownTime).toFixed(2)} × ratchet`;
    console.log(
      `${name.padEnd(9)} ${milliseconds.toFixed(1)} ms a step (median of ${measured}, first ${firstMilliseconds.toFixed(0)} ms)${ratio}; loss within ${lossDifference.toExponential(1)}`,
    );
  }
  if (!torch)
    console.log(
      'pytorch   not measured: this Python has no torch, transformers and peft (--python PATH names another).',
    );
}
