/**
 * Small loops over and over on one set of workers: does anything grow? Prints resident memory, open files and history
 * length with their drift, and a verdict (exit code 1 when something grew).
 * Run: `npm run soak -- [--minutes 60] [--json]`; Ctrl-C ends it early and judges what there is. Linux only (/proc).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { judgeSoak, type Drift, type SoakReport } from './soak/drift.js';
import { runSoak } from './soak/run-soak.js';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, json: { type: 'boolean', default: false } },
});
const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-soak-'));
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
try {
  const { processes, loops } = await runSoak({
    minutes: Number(values.minutes),
    dataFolder,
    workers: fileURLToPath(new URL('../workers', import.meta.url)),
    signal: interrupted.signal,
    onLoop: (loop, seen) => {
      if (values.json) process.stdout.write(`${JSON.stringify({ ...loop, processes: seen })}\n`);
    },
  });
  const report = judgeSoak(processes, loops);
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${reportLines(report).join('\n')}\n`);
  process.exitCode = report.faults.length === 0 ? 0 : 1;
} finally {
  rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
}

function reportLines({ minutes, loops, warmUpMinutes, rss, openFiles, history, faults }: SoakReport): string[] {
  const signed = (value: number, digits: number) => `${value < 0 ? '' : '+'}${value.toFixed(digits)}`;
  const line = ({ name, median, change, share }: Drift, files?: Drift) =>
    [
      name.padEnd(14),
      `${(median / 1e6).toFixed(0)} MB`.padStart(8),
      `${signed(change / 1e6, 1)} MB`.padStart(10),
      `${signed(100 * share, 2)} %`.padStart(9),
      `${files?.median} (${signed(files?.change ?? NaN, 1)})`.padStart(14),
    ].join('  ');
  return [
    `${loops} loops in ${minutes.toFixed(1)} minutes; the first ${warmUpMinutes.toFixed(1)} are warm-up`,
    ['process'.padEnd(14), 'memory'.padStart(8), 'drift'.padStart(10), ''.padStart(9), 'open files'.padStart(14)].join(
      '  ',
    ),
    ...rss.map((drift) =>
      line(
        drift,
        openFiles.find(({ name }) => name === drift.name),
      ),
    ),
    `longest history: ${history.median} events (${signed(history.change, 1)})`,
    faults.length === 0 ? 'nothing grows' : faults.join('; '),
  ];
}
