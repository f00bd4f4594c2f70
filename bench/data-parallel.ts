/**
 * Trainings of an adapter on `models/base` by one worker and by several, at equal tokens and equal learning rates: the
 * validation losses of each seed side by side. Run: `npm run build && node dist/bench/data-parallel.js [--seeds 3]
 * [--rows 256] [--processes 4] [--only 0,1,2] [--out docs/scale.md]`; with `--out` it replaces its own section of that file. The bits do not
 * depend on how many processes (gpu workers) the shares of the workers are computed in.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mean } from '../learning/statistics/descriptive.js';
import { taskRows, withTrainingWorkers } from './shared-training.js';

const MEAN = { kind: 'average', learningRate: 1 };
const DILOCO = { kind: 'nesterov' };
/** The first is what the others are compared with; `--only` takes the others by their place. */
const ALL = [
  { name: '1 worker', dataParallel: { workers: 1 } },
  { name: '2 workers', dataParallel: { workers: 2 } },
  { name: '4 workers', dataParallel: { workers: 4 } },
  { name: '2 workers, plain mean', dataParallel: { workers: 2, outer: MEAN } },
  { name: '4 workers, plain mean', dataParallel: { workers: 4, outer: MEAN } },
  { name: '2 workers, DiLoCo', dataParallel: { workers: 2, outer: DILOCO } },
  { name: '4 workers, DiLoCo', dataParallel: { workers: 4, outer: DILOCO } },
];

interface Measured {
  name: string;
  /** Validation loss of each seed. */
  losses: number[];
  steps: number;
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    rows: { type: 'string', default: '256' },
    'learning-rate': { type: 'string', default: '2e-3' },
    processes: { type: 'string', default: '4' },
    only: { type: 'string', default: '0,1,2,3,4,5,6' },
    out: { type: 'string' },
  },
});
const seeds = Array.from({ length: Number(values.seeds) }, (_, place) => place + 1);
const rows = Number(values.rows);
const learningRate = Number(values['learning-rate']);
const processes = Number(values.processes);
const VARIANTS = ALL.filter((_, place) => values.only.split(',').includes(String(place)));
const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-data-parallel-'));
const workers = fileURLToPath(new URL('../workers', import.meta.url));
const measured: Measured[] = VARIANTS.map(({ name }) => ({ name, losses: [], steps: 0 }));
const loads: number[] = [loadavg()[0]!];
try {
  await withTrainingWorkers(
    { dataFolder, gpuWorkers: processes, workers, heartbeatTimeoutSeconds: 60 },
    async ({ train }) => {
      for (const seed of seeds) {
        const data = { train: taskRows(seed, 'pool', rows), validation: taskRows(seed, 'validation', 128) };
        for (const [place, { name, dataParallel }] of VARIANTS.entries()) {
          const training = { learningRate, loraDropout: 0, dataParallel };
          const { run } = await train({ name: `seed-${seed}-${place}`, seed, training, ...data });
          measured[place]!.losses.push(run.validationLoss!);
          measured[place]!.steps = run.steps;
          process.stderr.write(`seed ${seed}, ${name}: ${run.validationLoss!.toFixed(4)} after ${run.steps} steps\n`);
        }
      }
    },
  );
} finally {
  rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
}
loads.push(loadavg()[0]!);
const section = render();
process.stdout.write(`${section}\n`);
if (values.out !== undefined) writeSection(values.out, section);

function render(): string {
  const alone = measured[0]!;
  const lines = measured.map(({ name, losses, steps }) => {
    const ratios = losses.map((loss, place) => loss / alone.losses[place]! - 1);
    const percent = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(100 * value).toFixed(2)} %`;
    const cells = [name, steps, ...losses.map((loss) => loss.toFixed(4))];
    const apart = measured[0]!.name === name ? ['', ''] : [percent(mean(ratios)), percent(Math.max(...ratios))];
    return `| ${[...cells, ...apart].join(' | ')} |`;
  });
  const head = ['', 'steps', ...seeds.map((seed) => `seed ${seed}`), 'mean', 'worst'];
  return [
    `Validation loss (nats a token, 128 rows) of a LoRA adapter on \`models/base\` after 3 epochs of ${rows} rows of the synthetic tasks, 16 rows an update, peak learning rate ${learningRate}, an average every 5 steps; the difference from one worker with the same seed, rows and tokens:`,
    '',
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...lines,
    '',
    `${availableParallelism()} cores shared with other work (load ${loads.map((load) => load.toFixed(1)).join(' to ')}); computed by ${processes} gpu worker ${processes === 1 ? 'process' : 'processes'}, which decides the time and not the bits. Again: \`node dist/bench/data-parallel.js --seeds ${seeds.length} --rows ${rows} --out docs/scale.md\`.`,
  ].join('\n');
}

/** The figures lie between two marks, so that the words around them stay. */
function writeSection(file: string, text: string): void {
  const [begin, end] = ['<!-- data-parallel: written by bench/data-parallel.ts -->', '<!-- /data-parallel -->'];
  const page = readFileSync(file, 'utf8');
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < 0) throw new Error(`${file} has no section of this bench`);
  writeFileSync(file, `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`);
}
