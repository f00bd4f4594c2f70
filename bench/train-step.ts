/**
 * `npm run bench [-- --only lora,sft] [--threads 1,2] [--steps N] [--python PATH]`: train steps of this engine against
 * PyTorch with PEFT and the transformers Trainer, on the same random weights and rows. Each side runs in a process of its
 * own, in turns; models are made on the fly. Parts that ran before stay in `docs/bench.json`, from which `docs/bench.md` is
 * written. Without `--python` a virtual environment with the peers is made once in `~/.cache/ratchet`.
 */
import { parseArgs } from 'node:util';
import { measureProducts } from './products.js';
import { compare, ownArm, peerArm, supervisedTokens, type SideResult } from './measure.js';
import { findPython } from './python.js';
import { readReport, writeReport, type Part } from './report.js';
import { WORKLOADS, type OwnSettings, type Workload } from './workloads.js';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    threads: { type: 'string', default: '1,2' },
    steps: { type: 'string' },
    python: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const threads = flags.threads.split(',').map(Number);
const workload = (name: string): Workload => {
  const found = WORKLOADS.find((one) => one.name === name)!;
  return flags.steps === undefined ? found : { ...found, steps: Number(flags.steps) };
};

/** The own settings of a comparison with PyTorch; what is not named here has none. */
const SETTINGS: Record<string, OwnSettings> = { sft: { packing: true } };

async function againstPyTorch(name: string): Promise<Part> {
  const python = await findPython(flags.python);
  const work = workload(name);
  const sides: SideResult[] = [];
  for (const count of threads)
    sides.push(...(await compare(work, [ownArm('ratchet', SETTINGS[name] ?? {}), peerArm(python)], count)));
  return { title: work.title, sides, ...(work.time === null && { supervisedTokens: supervisedTokens(work) }) };
}

async function againstItself(title: string, name: string, settings: [string, OwnSettings][]): Promise<Part> {
  const work = workload(name);
  const arms = settings.map(([label, own]) => ownArm(label, own));
  const sides: SideResult[] = [];
  for (const count of threads) sides.push(...(await compare(work, arms, count)));
  return { title, sides };
}

const PARTS: Record<string, () => Promise<Part>> = {
  ...Object.fromEntries(WORKLOADS.map(({ name }) => [name, () => againstPyTorch(name)])),
  qlora: () =>
    againstItself('GPT-2 124M, 4×128: QLoRA with checkpointing against LoRA', 'lora', [
      ['qlora', { quantized: true, checkpointing: true }],
      ['lora', {}],
    ]),
  packing: () =>
    againstItself('GPT-2 124M, LoRA, 8 chats a step: packed against padded', 'sft', [
      ['packed', { packing: true }],
      ['padded', {}],
    ]),
  gemm: async () => ({
    title: 'GPT-2 124M, LoRA r16, 4×128: the step against its matrix products alone',
    sides: await measureProducts(workload('lora')),
  }),
};

const wanted = flags.only?.split(',') ?? Object.keys(PARTS);
for (const name of wanted) {
  const measure = PARTS[name];
  if (!measure) throw new Error(`There is no part ${name}; there are ${Object.keys(PARTS).join(', ')}.`);
  if (!flags.json) console.error(`${name} …`);
  const part = await measure();
  const report = await writeReport(name, part);
  if (!flags.json) console.log(`${report}\n`);
}
if (flags.json) console.log(JSON.stringify(await readReport()));
