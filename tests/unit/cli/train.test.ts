import { describe, expect, it } from 'vitest';
import { settingsOf, trainCommand } from '../../../apps/cli/commands/train.js';
import { evaluationLines } from '../../../apps/cli/render/evaluation.js';
import { createStyle } from '../../../apps/cli/render/style.js';
import { planLines, trainedLines, TrainingProgress } from '../../../apps/cli/render/training.js';
import { resolveFineTuning } from '../../../config/resolve-fine-tuning.js';
import type { TrainingPlan } from '../../../workers/jobs/plan-training-run.js';

const plain = createStyle(false);

/** The settings of a run that is started with these flags. */
function settings(...flags: string[]) {
  const command = trainCommand()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .action(() => {});
  command.parse(['rows.jsonl', '--output-dir', 'out', ...flags], { from: 'user' });
  return settingsOf(command.opts());
}

const resolved = (...flags: string[]) => resolveFineTuning(settings(...flags), 'generation');

describe('flags', () => {
  const defaults = resolved();

  it.each([
    [['--model', 'gpt2'], { model: 'gpt2' }],
    [['--training-strategy', 'qlora'], { trainingStrategy: 'qlora' }],
    [['--epochs', '2'], { numEpochs: 2 }],
    [['--max-steps', '7'], { maxSteps: 7 }],
    [['--batch-size', '8'], { batchSize: 8 }],
    [['--gradient-accumulation-steps', '8'], { gradientAccumulationSteps: 8 }],
    [['--gradient-checkpointing'], { gradientCheckpointing: true }],
    [['--fp16'], { precision: 'float16' }],
    [['--bf16'], { precision: 'bfloat16' }],
    [['--dataloader-num-workers', '4'], { dataloaderNumWorkers: 4 }],
    [['--device', 'auto'], { device: 'auto' }],
    [['--use-gpu'], { useGpu: true }],
    [['--learning-rate', '1e-4'], { learningRate: 1e-4 }],
    [['--warmup-ratio', '0.2'], { warmupRatio: 0.2 }],
    [['--schedule', 'three_phase'], { schedule: 'three_phase' }],
    [['--optimizer', 'lion'], { optimizer: 'lion' }],
    [['--objective', 'dpo'], { objective: 'dpo' }],
    [['--packing'], { packing: true }],
    [['--dynamic-batching'], { dynamicBatching: true }],
    [['--curriculum'], { curriculum: true }],
    [['--max-length', '64'], { maxLength: 64 }],
    [['--lora-rank', '4'], { loraRank: 4 }],
    [['--lora-alpha', '4'], { loraAlpha: 4 }],
    [['--lora-dropout', '0'], { loraDropout: 0 }],
    [['--target-modules', 'q_proj,v_proj'], { targetModules: ['q_proj', 'v_proj'] }],
    [['--target-modules', 'all-linear'], { targetModules: 'all-linear' }],
    [['--use-rslora'], { useRslora: true }],
    [['--use-dora'], { useDora: true }],
    [['--initialization', 'pissa'], { initialization: 'pissa' }],
    [['--lora-plus-ratio', '16'], { loraPlusRatio: 16 }],
    [['--preference-loss', 'ipo'], { preferenceLoss: 'ipo' }],
    [['--beta', '0.2'], { beta: 0.2 }],
    [['--teacher', 'dir'], { teacher: 'dir' }],
    [['--eval-ratio', '0.2'], { evalRatio: 0.2 }],
    [['--eval-steps', '10'], { evalSteps: 10 }],
    [['--logging-steps', '1'], { loggingSteps: 1 }],
    [['--checkpoint-steps', '5'], { checkpointSteps: 5 }],
    [['--patience', '3'], { earlyStoppingPatience: 3 }],
    [['--weight-decay', '0'], { weightDecay: 0 }],
    [['--max-gradient-norm', '2'], { maxGradientNorm: 2 }],
    [['--seed', '9'], { seed: 9 }],
  ])('T9: %j changes the settings, and nothing else', (flags, changes) => {
    const changed = resolved(...flags);
    expect(changed).toEqual({ ...defaults, ...changes });
    expect(changed).not.toEqual(defaults);
  });

  it.each([
    ['good,bad', ['good', 'bad']],
    ['3', 3],
  ])('T2: --labels %s says which classes there are, or how many', (value, labels) => {
    expect(resolveFineTuning(settings('--labels', value), 'classification')).toMatchObject({ labels });
    expect(() => resolved('--labels', value)).toThrow('--labels: has no meaning for generation');
  });

  it('T9: a value out of range names its flag', () => {
    expect(() => resolved('--epochs', '0')).toThrow('--epochs: must be number > 0, got 0');
    expect(() => resolved('--batch-size', 'many')).toThrow('--batch-size: must be integer ≥ 1, got "many"');
    expect(() => resolved('--beta', '-1', '--max-steps', '1.5')).toThrow(/--beta: .*\n {2}--max-steps: /);
  });
});

const plan: TrainingPlan = {
  config: resolveFineTuning([], 'generation'),
  modelDir: 'models/base',
  newHead: null,
  outputDir: '/runs/a',
  architecture: 'llama',
  objective: { kind: 'causal' },
  data: {
    format: 'messages',
    because: 'line 1 has the fields messages',
    read: 1001,
    kept: 1000,
    dropped: { 'messages is empty': 1 },
    repaired: {},
    truncated: 3,
    ledger: '/runs/a.run/rejected.jsonl',
    rejected: [{ file: 'chats.jsonl', line: 7, field: 'messages', reason: 'is empty' }],
    train: { file: 't', rows: 900, sequences: 900, tokens: 90_000, learned: 30_000, longest: 512 },
    validation: { file: 'v', rows: 100, sequences: 100, tokens: 10_000, learned: 3000, longest: 400 },
  },
  stepsPerEpoch: 57,
  totalSteps: 171,
  warmupSteps: 9,
  memory: {
    parameters: 392_448,
    trainableParameters: 18_432,
    weights: 1e6,
    gradients: 1e6,
    optimizer: 1e6,
    activations: 1e6,
    process: 0,
    total: 4e6,
  },
  availableMemory: 8e9,
  refused: null,
  notes: ['bfloat16 was asked for; weights that are trained stay in float32.'],
};

it('shows the plan of a run', () => {
  expect(`\n${planLines(plan, plain, true).join('\n')}\n`).toMatchInlineSnapshot(`
    "
    model         models/base (llama, 392 448 parameters)
    method        lora rank 16, alpha 32, dropout 0.1; 18 432 parameters trained; objective causal
    data          1 001 rows of messages: line 1 has the fields messages
    rows          900 to train on, 100 to validate on, 1 left out, 3 cut
    tokens        90 000, of which 30 000 are learned; the longest row has 512
    steps         171 of 4 × 4 rows, 57 steps an epoch
    memory        about 4 MB of 8.0 GB free
    learning rate 0.0002 linear, 9 steps of warm-up
    optimizer     adamw, weight decay 0.01, gradients clipped to 1
    precision     float32
    output        /runs/a
      1 row left out: messages is empty
      chats.jsonl:7: messages is empty
      all of them are in /runs/a.run/rejected.jsonl
    note: bfloat16 was asked for; weights that are trained stay in float32.
    "
  `);
});

it('shows where a training is and how long it will take', () => {
  const progress = new TrainingProgress(plain);
  progress.start(plan);
  const report = { totalSteps: 171, loss: 2.5, gradientNorm: 1, learningRate: 2e-4, tokens: 500, milliseconds: 250 };
  const lines = [1, 57, 171].map((step) => progress.step({ ...report, step, epoch: step / 57 }));
  expect(`\n${[...lines, progress.validation({ step: 57, loss: 1 })].join('\n')}\n`).toMatchInlineSnapshot(`
    "
    ──────────────────── step 1/171 · epoch 0.02/3 · loss 2.500 · lr 2.00e-4 · 2 000 tokens/s · 43 s left
    ━━━━━━━───────────── step 57/171 · epoch 1.00/3 · loss 2.500 · lr 2.00e-4 · 2 000 tokens/s · 29 s left
    ━━━━━━━━━━━━━━━━━━━━ step 171/171 · epoch 3.00/3 · loss 2.500 · lr 2.00e-4 · 2 000 tokens/s · 0.0 s left
    step 57: validation loss 1.000, perplexity 2.718
    "
  `);
});

it('shows what a training came to', () => {
  const result = {
    steps: 114,
    trainLoss: 1.5,
    validationLoss: 1.25,
    bestStep: 57,
    stoppedEarly: true,
    sha256: 'abc',
    outputDir: '/runs/a',
    resumedFrom: 40,
    truncatedRows: 0,
    milliseconds: 65_000,
  };
  expect(`\n${trainedLines(result, plain).join('\n')}\n`).toMatchInlineSnapshot(`
    "
    done: 114 steps in 1 min 05 s, resumed from step 40; training loss 1.500, validation 1.250; stopped early, the weights are those of step 57
    written to    /runs/a
    SHA-256       abc
    "
  `);
});

it('E3: shows quality, latency and memory of an evaluation', () => {
  const lines = evaluationLines(
    {
      rows: 10,
      truncatedRows: 1,
      tokens: 100,
      loss: 1,
      perplexity: Math.E,
      accuracy: 0.5,
      latency: {
        predictions: 5,
        warmUps: 3,
        medianMilliseconds: 12,
        lowerQuartileMilliseconds: 11,
        upperQuartileMilliseconds: 14,
        tokensPerSecond: 900,
      },
      peakMemoryBytes: 3e8,
      milliseconds: 4000,
      dropped: { 'prompt is missing': 2 },
      classification: null,
      comparison: {
        texts: 10,
        exactMatch: 0.1,
        bleu: 20,
        bleuSignature: '',
        chrf: 40,
        chrfSignature: '',
        rouge1: 0.5,
        rouge2: 0.25,
        rougeL: 0.4,
      },
    },
    plain,
  );
  expect(`\n${lines.join('\n')}\n`).toMatchInlineSnapshot(`
    "
    rows          10, 1 of them cut
    loss          1.000
    perplexity    2.718
    tokens right  50.0 %
    exact match   10.0 % of 10 texts
    BLEU          20.0
    chrF          40.0
    ROUGE         1 50.0 %, 2 25.0 %, L 40.0 %
    latency       12.0 ms (11.0–14.0 ms; 5 predictions)
    tokens/s      900
    peak memory   300 MB
    time          4.0 s
      2 left out: prompt is missing
    "
  `);
});
