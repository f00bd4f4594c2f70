import { execFile } from 'node:child_process';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runInTurns, summarise, type Arm, type SideResult, type Turns } from './measure.js';
import { EXPORTERS, findPython } from './python.js';
import { startSide } from './side.js';
import { prepareWorkload, type Row, type Workload } from './workloads.js';

const run = promisify(execFile);
const TRANSFORMERS_JS = '4.3.1';
const NEW_TOKENS = 64;
const PROMPT_TOKENS = 32;

/** What both sides read: prompts of equal length for each step, and the model as safetensors and as ONNX. */
export interface GenerationWork {
  model: string;
  onnx: string;
  newTokens: number;
  steps: Row[][];
}

/** What generation measured beside the times. */
export interface GenerationResult {
  sides: SideResult[];
  /** Tokens generated in one step. */
  newTokens: number;
  /** Rows of which both sides generated the same tokens, of all rows. */
  equalRows: [equal: number, all: number];
}

/**
 * Greedy generation with a key-value cache against transformers.js on the ONNX export of the same weights. The export is
 * made once by the peers' Python, transformers.js is installed once beside it: neither is a dependency of the project.
 *
 * @param rows prompts continued together
 * @throws Error when the peer cannot be installed or the model cannot be exported
 */
export async function measureGeneration(
  model: Workload['model'],
  rows: number,
  steps: number,
  threads: readonly number[],
  python: string | undefined,
): Promise<GenerationResult> {
  const name = `generate-${model}-${rows}`;
  const folder = await prepareWorkload({ name, title: '', model, lora: false, rows, time: PROMPT_TOKENS, steps });
  const file = join(folder, 'workload.json');
  const work = JSON.parse(await readFile(file, 'utf8')) as GenerationWork;
  const onnx = await exportModel(work.model, join(folder, '..', `onnx-${model}`), python);
  await writeFile(file, JSON.stringify({ ...work, onnx, newTokens: NEW_TOKENS }));
  const arms = [
    arm('ratchet', 'our-generation.js', []),
    arm('transformers.js', 'peer-generation.js', [await installPeer()]),
  ];
  const sides: SideResult[] = [];
  const equalRows: [number, number] = [0, 0];
  for (const count of threads) {
    const [own, peer] = (await runInTurns(folder, steps, arms, count)) as [Turns, Turns];
    sides.push(summarise(own, count), summarise(peer, count));
    own.times.forEach(({ tokens }, step) =>
      tokens!.forEach((row, i) => {
        equalRows[0] += Number(row.join() === peer.times[step]!.tokens![i]!.join());
        equalRows[1]++;
      }),
    );
  }
  return { sides, newTokens: rows * NEW_TOKENS, equalRows };
}

const arm = (name: string, script: string, more: string[]): Arm => ({
  name,
  start: (folder, threads) =>
    startSide(process.execPath, ['--expose-gc', join(import.meta.dirname, script), folder, String(threads), ...more]),
});

/** @returns the folder of the export, made by `export-onnx.py` when it is not there */
async function exportModel(model: string, target: string, given: string | undefined): Promise<string> {
  if (await exists(join(target, 'onnx', 'model.onnx'))) return target;
  const python = await findPython(given, EXPORTERS);
  const script = join(import.meta.dirname.replace(/\/dist\//, '/'), 'export-onnx.py');
  await run(python, [script, model, target], { maxBuffer: 1 << 26 });
  return target;
}

/** @returns a folder with transformers.js in its `node_modules`, installed when it is not there */
async function installPeer(): Promise<string> {
  const folder = join(homedir(), '.cache', 'ratchet', 'bench', `transformers.js-${TRANSFORMERS_JS}`);
  if (await exists(join(folder, 'node_modules', '@huggingface', 'transformers', 'package.json'))) return folder;
  console.error(`Installing @huggingface/transformers ${TRANSFORMERS_JS} into ${folder}, once.`);
  await mkdir(folder, { recursive: true });
  const dependencies = { '@huggingface/transformers': TRANSFORMERS_JS };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  // Its scripts fetch GPU libraries; the processor's are in the packages.
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, maxBuffer: 1 << 26 });
  return folder;
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );
