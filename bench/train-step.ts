/**
 * `npm run bench [-- OPTIONS]`, see {@link HELP}: train steps of this engine against PyTorch with PEFT and the transformers
 * Trainer, and its generation against transformers.js, on the same random weights and rows. Each side runs in a process of
 * its own, in turns; models are made on the fly. Parts that ran before stay in `docs/bench.json`, from which
 * `docs/bench.md` is written.
 */
import { parseArgs } from 'node:util';
import { measureGeneration } from './generate.js';
import { compare, ownArm, peerArm, supervisedTokens, type SideResult } from './measure.js';
import { measureProducts } from './products.js';
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
    help: { type: 'boolean', default: false },
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

async function generation(title: string, model: Workload['model'], rows: number): Promise<Part> {
  const steps = Number(flags.steps ?? 5);
  const result = await measureGeneration(model, rows, steps, threads, flags.python);
  return { title: `${title}, ${rows} prompt${rows > 1 ? 's' : ''} of 32 tokens, 64 new tokens each`, ...result };
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
  generate: () => generation('GPT-2 124M', 'gpt2', 8),
  'generate-single': () => generation('GPT-2 124M', 'gpt2', 1),
  'generate-base': () => generation('0.4M Llama', 'base', 32),
};

const HELP = `Usage: npm run bench -- [options]

Measures this engine against PyTorch, PEFT, transformers and transformers.js and writes docs/bench.json and docs/bench.md.

  --only PARTS     parts to measure, separated by commas; all when left out:
                   ${Object.keys(PARTS).join(', ')}
  --threads LIST   numbers of threads (1,2)
  --steps N        measured steps of each side instead of the part's own number
  --python PATH    a Python with the peers; without it a virtual environment is made once in ~/.cache/ratchet
  --json           print docs/bench.json at the end
  --help           print this

Examples:
  npm run bench
  npm run bench -- --only base,generate --threads 2
`;
if (flags.help) {
  process.stdout.write(HELP);
  process.exit();
}

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
