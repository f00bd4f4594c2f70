import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeModel } from '../../../apps/cli/commands/models.js';
import { createProgram } from '../../../apps/cli/program.js';
import { modelDetails, modelRows } from '../../../apps/cli/render/models.js';
import { createStyle } from '../../../apps/cli/render/style.js';
import { REGISTERED_MODELS, registeredModel } from '../../../engine/registry/index.js';

const sizes = { batch: 4, length: 128, rank: 8 };
const run = async (...args: string[]) => (await createProgram(args)).parseAsync(['node', 'ratchet', ...args]);

it('T1: lists every model with nominal and measured parameters and memory', () => {
  const models = REGISTERED_MODELS.map((model) => describeModel(model, sizes));
  expect(`\n${modelRows(models, createStyle(false)).join('\n')}\n`).toMatchInlineSnapshot(`
    "
    model                architecture  task            nominal     parameters      full     LoRA    QLoRA  licence
    distilbert           distilbert    classification      66M     66 955 010    1.7 GB   608 MB   469 MB  apache-2.0
    bert                 bert          classification     110M    109 483 778    2.8 GB   936 MB   649 MB  apache-2.0
    roberta              roberta       classification     125M    124 647 170    3.1 GB   996 MB   710 MB  mit
    gpt2                 gpt2          generation         117M    124 439 808    3.6 GB   1.0 GB   754 MB  mit
    gpt2-medium          gpt2          generation         345M    354 823 168    9.0 GB   2.5 GB   1.4 GB  mit
    dialogpt-medium      gpt2          generation         345M    354 823 168    9.0 GB   2.5 GB   1.4 GB  mit
    flan-t5-base         t5            generation         250M    247 577 856    6.4 GB   2.0 GB   1.4 GB  apache-2.0
    tinyllama            llama         generation         1.1B  1 100 048 384   24.8 GB   6.2 GB   2.9 GB  apache-2.0
    phi-3-mini           phi3          generation         3.8B  3 821 079 552   81.4 GB  18.4 GB   6.0 GB  mit
    llama-2-7b           llama         generation           7B  6 738 415 616  141.8 GB  31.4 GB   9.0 GB  llama2
    mistral-7b-instruct  mistral       generation           7B  7 248 023 552  152.5 GB  33.7 GB   9.6 GB  apache-2.0
    qwen2.5-7b-instruct  qwen2         generation           7B  7 615 616 512  162.0 GB  35.0 GB  12.5 GB  apache-2.0
    "
  `);
});

it('T1: shows one model', () => {
  const lines = modelDetails(describeModel(registeredModel('phi-3-mini')!, sizes));
  expect(`\n${lines.join('\n')}\n`).toMatchInlineSnapshot(`
    "
    model         phi-3-mini (for prototypes)
    architecture  phi3, generation
    parameters    3 821 079 552 counted, 3 821 079 552 published
    nominal       3.8B
    licence       mit
    from          https://huggingface.co/microsoft/Phi-3-mini-4k-instruct
    full          81.4 GB: weights 15.3 GB, gradients 30.6 GB, optimizer 30.6 GB, activations 4.8 GB, process 170 MB
    lora          18.4 GB: weights 15.3 GB, gradients 101 MB, optimizer 101 MB, activations 2.7 GB, process 170 MB
    qlora         6.0 GB: weights 2.7 GB, gradients 101 MB, optimizer 101 MB, activations 2.9 GB, process 170 MB
    "
  `);
});

it('T1: names the known models when one is unknown', async () => {
  await expect(run('models', 'show', 'mamba')).rejects.toMatchObject({
    code: 'E_NOT_FOUND',
    hint: expect.stringContaining('tinyllama'),
  });
});

it('T1: gives a typed error when the weights are absent and the hub cannot be reached', async () => {
  const data = mkdtempSync(join(tmpdir(), 'ratchet-models-'));
  try {
    const missing = run('models', 'get', 'gpt2', '--data', data, '--endpoint', 'http://127.0.0.1:1');
    await expect(missing).rejects.toMatchObject({ code: 'E_MODEL_MISSING' });
  } finally {
    rmSync(data, { recursive: true });
  }
});
