/**
 * Makes `models/base`: builds the tokenizer, draws the initial weights, trains them on the easy distribution of the
 * tasks and on copying, and writes float16 weights and a model card. Run `npm run pretrain`; a run that was
 * interrupted goes on from its last checkpoint when it is started again with the same flags. With `--types sql_query
 * --out models/held-out --work .ratchet/held-out` it makes a base model of other types in the same way.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { stream } from '../config/random.js';
import { ARTIFACT_TYPES, BASE_TYPES, type ArtifactType } from '../config/domain.js';
import { RatchetError } from '../config/errors.js';
import { createEngine, readSafetensors, writeSafetensors, toFloat16 } from '../engine/index.js';
import type { HostTensor, TrainingRow } from '../engine/api.js';
import {
  buildTokenizer,
  formatPrompt,
  generateCopyTasks,
  generateTasks,
  lexiconPreTokens,
  validateArtifact,
} from '../datasets/index.js';

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: 'models/base' },
    work: { type: 'string', default: '.ratchet/pretrain' },
    rows: { type: 'string', default: '208000' },
    seed: { type: 'string', default: '1' },
    'batch-size': { type: 'string', default: '16' },
    accumulation: { type: 'string', default: '2' },
    'learning-rate': { type: 'string', default: '3e-3' },
    hidden: { type: 'string', default: '96' },
    layers: { type: 'string', default: '3' },
    types: { type: 'string', default: BASE_TYPES.join() },
  },
});
const artifactTypes = flags.types.split(',').map((name): ArtifactType => {
  const type = ARTIFACT_TYPES.find((known) => known === name);
  if (type !== undefined) return type;
  throw new RatchetError('E_USAGE', `There is no artifact type "${name}".`, {
    hint: `Types: ${ARTIFACT_TYPES.join(', ')}; several with commas between them.`,
  });
});
const seed = Number(flags.seed);
const hidden = Number(flags.hidden);
const layers = Number(flags.layers);
const heads = 4;
const intermediate = Math.round((hidden * 8) / 3);
const initialDir = path.join(flags.work, 'initial');
const trainedDir = path.join(flags.work, 'trained');
await mkdir(initialDir, { recursive: true });
await mkdir(flags.out, { recursive: true });

const { tokenizerJson, tokenizerConfig } = buildTokenizer(lexiconPreTokens(artifactTypes));
await writeFile(path.join(initialDir, 'tokenizer.json'), JSON.stringify(tokenizerJson));
await writeFile(path.join(initialDir, 'tokenizer_config.json'), JSON.stringify(tokenizerConfig, null, 2) + '\n');
const vocabulary = Object.keys(tokenizerJson.model.vocab).length;

const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: vocabulary,
  hidden_size: hidden,
  intermediate_size: intermediate,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  num_key_value_heads: heads,
  head_dim: hidden / heads,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_type: 'default', rope_theta: 10000 },
  hidden_act: 'silu',
  attention_bias: false,
  mlp_bias: false,
  tie_word_embeddings: true,
  pad_token_id: 0,
  eos_token_id: 1,
  bos_token_id: 2,
  dtype: 'float16',
};
await writeFile(path.join(initialDir, 'config.json'), JSON.stringify(config, null, 2) + '\n');

/** Normal draws with the usual 0.02 scaled to the width, residual projections smaller by √(2·layers) (GPT-2 §2.3). */
function initialWeights(): Map<string, HostTensor> {
  const weights = new Map<string, HostTensor>();
  const normal = (name: string, shape: [number, number], deviation: number) => {
    const draws = stream(seed, 'pretrain', 'weights', name);
    const data = Float32Array.from({ length: shape[0] * shape[1] }, () => draws.normal() * deviation);
    weights.set(name, { dtype: 'float32', shape, data });
  };
  const ones = (name: string) =>
    weights.set(name, { dtype: 'float32', shape: [hidden], data: new Float32Array(hidden).fill(1) });
  const deviation = 1 / Math.sqrt(hidden);
  const residual = deviation / Math.sqrt(2 * layers);
  normal('model.embed_tokens.weight', [vocabulary, hidden], 0.05);
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}.`;
    for (const projection of ['q_proj', 'k_proj', 'v_proj']) {
      normal(`${prefix}self_attn.${projection}.weight`, [hidden, hidden], deviation);
    }
    normal(`${prefix}self_attn.o_proj.weight`, [hidden, hidden], residual);
    normal(`${prefix}mlp.gate_proj.weight`, [intermediate, hidden], deviation);
    normal(`${prefix}mlp.up_proj.weight`, [intermediate, hidden], deviation);
    normal(`${prefix}mlp.down_proj.weight`, [hidden, intermediate], residual);
    ones(`${prefix}input_layernorm.weight`);
    ones(`${prefix}post_attention_layernorm.weight`);
  }
  ones('model.norm.weight');
  return weights;
}
const weights = initialWeights();
await writeSafetensors(path.join(initialDir, 'model.safetensors'), weights, { format: 'pt' });
const parameters = [...weights.values()].reduce((sum, tensor) => sum + tensor.data.length, 0);
console.log(`model: ${parameters.toLocaleString('en')} parameters, vocabulary ${vocabulary}`);

const count = Number(flags.rows);
const tasks = generateTasks({
  seed,
  purpose: 'pretrain',
  count: Math.round(count * 0.75),
  distribution: 'easy',
  artifactTypes,
  split: 'pretrain',
});
const copies = generateCopyTasks({ seed, purpose: 'pretrain', count: count - tasks.length, artifactTypes });
const rows: TrainingRow[] = [
  ...tasks.map((task) => ({
    id: task.id,
    prompt: formatPrompt(task.artifactType, task.specification),
    completion: task.reference,
  })),
  ...copies.map((task, index) => ({ id: `copy-${index}`, prompt: task.prompt, completion: task.completion })),
];
const trainFile = path.join(flags.work, 'train.jsonl');
await writeFile(trainFile, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
console.log(`rows: ${rows.length.toLocaleString('en')} (${copies.length.toLocaleString('en')} of them copying)`);

const engine = createEngine();
const result = await engine.train(
  {
    modelDir: initialDir,
    strategy: 'full',
    trainFile,
    outputDir: trainedDir,
    checkpointDir: path.join(flags.work, 'checkpoints'),
    checkpointEverySteps: 100,
    seed,
    shuffleFirstEpoch: true,
    parameters: {
      learningRate: Number(flags['learning-rate']),
      batchSize: Number(flags['batch-size']),
      gradientAccumulationSteps: Number(flags.accumulation),
      numEpochs: 1,
      warmupRatio: 0.03,
      loraRank: 1,
      loraAlpha: 1,
      loraDropout: 0,
      weightDecay: 0.01,
      maxGradientNorm: 1,
      maxLength: 256,
      targetModules: 'auto',
    },
  },
  {
    onStep: (report) => {
      if (report.step % 50 === 0 || report.step === report.totalSteps) {
        console.log(
          `step ${report.step}/${report.totalSteps}  loss ${report.loss.toFixed(4)}  lr ${report.learningRate.toExponential(2)}  ${report.milliseconds.toFixed(0)} ms`,
        );
      }
    },
  },
);
console.log(`trained: ${result.steps} steps, last loss ${result.trainLoss.toFixed(4)}`);

const { tensors } = await readSafetensors(path.join(trainedDir, 'model.safetensors'));
await writeSafetensors(
  path.join(flags.out, 'model.safetensors'),
  new Map<string, HostTensor>(
    [...tensors].map(([name, tensor]) => [
      name,
      { ...tensor, dtype: 'float16', data: toFloat16(tensor.data as Float32Array) },
    ]),
  ),
  { format: 'pt' },
);
for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
  await copyFile(path.join(initialDir, file), path.join(flags.out, file));
}

const lines: string[] = [];
for (const distribution of ['easy', 'target'] as const) {
  const test = generateTasks({ seed, purpose: 'model-card', count: 240, distribution, artifactTypes, split: 'test' });
  const answers = await engine.generate({
    modelDir: flags.out,
    adapterDir: null,
    prompts: test.map((task) => formatPrompt(task.artifactType, task.specification)),
    maxNewTokens: 160,
    temperature: 0,
  });
  const scores = test.map((task, index) => ({
    type: task.artifactType,
    score: validateArtifact(task.artifactType, task.specification, answers[index]!.text).score,
  }));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  for (const type of [...artifactTypes, 'all'] as const) {
    const chosen = scores.filter((row) => type === 'all' || row.type === type).map((row) => row.score);
    const success = chosen.filter((score) => score >= 70).length / chosen.length;
    lines.push(
      `| ${distribution} | ${type} | ${chosen.length} | ${mean(chosen).toFixed(1)} | ${(success * 100).toFixed(0)} % |`,
    );
    console.log(lines.at(-1));
  }
}
await engine.close();

/** What the model card says of a type. */
const TASKS: Readonly<Record<ArtifactType, string>> = {
  erd: 'entity–relationship diagrams',
  architecture: 'architecture flowcharts',
  code_prototype: 'small array pipelines in TypeScript',
  sql_query: 'SQL queries over one small table',
};
const tasksNamed = Object.entries(TASKS).flatMap(([type, text]) =>
  artifactTypes.includes(type as ArtifactType) ? [text] : [],
);
const isBase = artifactTypes.join() === BASE_TYPES.join();
const template = await readFile(new URL(import.meta.resolve('../scripts/model-card.md')), 'utf8').catch(() =>
  readFile('scripts/model-card.md', 'utf8'),
);
await writeFile(
  path.join(flags.out, 'README.md'),
  template
    .replace('{{parameters}}', parameters.toLocaleString('en'))
    .replace('{{vocabulary}}', String(vocabulary))
    .replace('{{steps}}', String(result.steps))
    .replace('{{rows}}', rows.length.toLocaleString('en'))
    .replace('{{title}}', isBase ? 'base' : `base of ${artifactTypes.join(', ')}`)
    .replace('{{users}}', isBase ? 'the demo and the tests start' : 'measurements on held-out task types start')
    .replace('{{tasks}}', tasksNamed.join(', '))
    .replace('{{flags}}', `--seed ${seed} --rows ${flags.rows}${isBase ? '' : ` --types ${artifactTypes.join()}`}`)
    .replace('{{scores}}', lines.join('\n')),
);
