/**
 * How long near-duplicates take to find at scale, and how many planted ones are found: requests of 20–60 words drawn by
 * Zipf's law, every tenth a copy of an earlier one with one to three words exchanged.
 * `node dist/bench/near-duplicates.js [--json] [--rows N] [--threshold T]`. The peak memory is that of the whole process.
 */
import { parseArgs } from 'node:util';
import { stream } from '../config/random.js';
import { findNearDuplicates } from '../learning/metrics/near-duplicates.js';
import { tokenSet } from '../learning/selection/token-sets.js';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rows: { type: 'string', default: '1000000' },
    threshold: { type: 'string', default: '0.8' },
  },
});
const rows = Number(flags.rows);
const threshold = Number(flags.threshold);
const VOCABULARY = 20_000;
const PLANTED_EVERY = 10;

const random = stream(1, 'bench', 'near-duplicates');
/** Word r with probability about 1/r: the inverse of the logarithmic cumulative share. */
const word = () => `w${Math.floor(VOCABULARY ** random.float())}`;
const texts: string[] = [];
const planted: { row: number; original: number }[] = [];
for (let row = 0; row < rows; row++) {
  if (row % PLANTED_EVERY !== PLANTED_EVERY - 1) {
    texts.push(Array.from({ length: 20 + random.integer(41) }, word).join(' '));
    continue;
  }
  const original = random.integer(row);
  const words = texts[original]!.split(' ');
  for (let change = 1 + random.integer(3); change > 0; change--) words[random.integer(words.length)] = word();
  texts.push(words.join(' '));
  planted.push({ row, original });
}

function similarity(first: string, second: string): number {
  const [a, b] = [tokenSet(first), tokenSet(second)];
  let shared = 0;
  for (const token of a) if (b.has(token)) shared++;
  return shared / (a.size + b.size - shared);
}

const before = performance.now();
const { firstOfGroup, groups, comparisons } = findNearDuplicates(texts, { threshold });
const seconds = (performance.now() - before) / 1000;
const close = planted.filter(({ row, original }) => similarity(texts[row]!, texts[original]!) >= threshold);
const hits = close.filter(({ row, original }) => firstOfGroup[row] === firstOfGroup[original]).length;
const result = {
  rows,
  threshold,
  seconds,
  planted: close.length,
  recall: hits / close.length,
  groups: groups.length,
  comparisons,
  peakMegabytes: process.resourceUsage().maxRSS / 1024,
};
process.stdout.write(
  flags.json
    ? `${JSON.stringify(result)}\n`
    : `${rows} texts in ${seconds.toFixed(1)} s: ${hits} of ${close.length} planted pairs, ${groups.length} groups, ` +
        `${comparisons} comparisons, peak ${result.peakMegabytes.toFixed(0)} MB\n`,
);
