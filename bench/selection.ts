/**
 * How long the selection strategies take at scale, and how much memory: 500 of a million candidates with 64-dimensional
 * embeddings, 4 classes and an ensemble of 3. `node dist/bench/selection.js [--json] [--rows N] [--budget N]
 * [--strategies a,b]`. The candidates come in clusters, as requests do; the peak memory is that of the whole process.
 */
import { parseArgs } from 'node:util';
import { stream } from '../config/random.js';
import type { Matrix } from '../learning/selection/strategies/matrix.js';
import { selectCandidates, type CandidatePool } from '../learning/selection/strategies/select-candidates.js';
import { STRATEGIES, type StrategyName } from '../learning/selection/strategies/strategies.js';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rows: { type: 'string', default: '1000000' },
    dimensions: { type: 'string', default: '64' },
    budget: { type: 'string', default: '500' },
    strategies: { type: 'string', default: Object.keys(STRATEGIES).join(',') },
  },
});
const rows = Number(flags.rows);
const dimensions = Number(flags.dimensions);
const budget = Number(flags.budget);
const CLUSTERS = 200;
const CLASSES = 4;

function embeddings(): Matrix {
  const random = stream(1, 'bench', 'embeddings');
  const centres = Float32Array.from({ length: CLUSTERS * dimensions }, () => 2 * random.normal());
  const data = new Float32Array(rows * dimensions);
  for (let row = 0; row < rows; row++) {
    const cluster = random.integer(CLUSTERS);
    for (let column = 0; column < dimensions; column++) {
      data[row * dimensions + column] = centres[cluster * dimensions + column]! + random.normal();
    }
  }
  return { data, rows, columns: dimensions };
}

function probabilities(member: number): Matrix {
  const random = stream(1, 'bench', 'probabilities', member);
  const data = new Float32Array(rows * CLASSES);
  for (let row = 0; row < rows; row++) {
    const logits = Float64Array.from({ length: CLASSES }, () => Math.exp(2 * random.normal()));
    const sum = logits.reduce((total, value) => total + value, 0);
    for (let column = 0; column < CLASSES; column++) data[row * CLASSES + column] = logits[column]! / sum;
  }
  return { data, rows, columns: CLASSES };
}

const members = [0, 1, 2].map(probabilities);
const pool: CandidatePool = {
  ids: Array.from({ length: rows }, (_, row) => `candidate-${String(row).padStart(9, '0')}`),
  embeddings: embeddings(),
  probabilities: members[0]!,
  members,
};

const results = flags.strategies.split(',').map((name) => {
  const before = performance.now();
  const picked = selectCandidates(name as StrategyName, pool, { budget, seed: 1 });
  const seconds = (performance.now() - before) / 1000;
  const peakMegabytes = process.resourceUsage().maxRSS / 1024;
  if (!flags.json) {
    process.stdout.write(
      `${name.padEnd(22)} ${picked.length} of ${rows} in ${seconds.toFixed(2)} s, peak ${peakMegabytes.toFixed(0)} MB so far\n`,
    );
  }
  return { strategy: name, rows, dimensions, budget, picked: picked.length, seconds, peakMegabytes };
});
if (flags.json) process.stdout.write(`${JSON.stringify(results)}\n`);
