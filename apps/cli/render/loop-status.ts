import type { Snapshot } from '../loop-watch.js';
import { progressLine } from './progress.js';
import { baselineLine, roundLine, roundsHeader } from './rounds.js';
import type { Style } from './style.js';

/** A loop's state as text: what it does, then its rounds. `run` is the status of its workflow, such as `RUNNING`. */
export function loopStatusLines(name: string, run: string, snapshot: Snapshot, style: Style): string[] {
  const { status } = snapshot;
  const lines = [`${style.bold(`loop ${name}`)} · ${run.toLowerCase()}${status?.stopping ? ' · stopping' : ''}`];
  if (status === null) return lines;
  if (run === 'RUNNING') lines.push(`  ${progressLine(snapshot, style)}`);
  if (status.error !== null) {
    lines.push(`  ${style.red(`${status.error.code}:`)} ${status.error.message}`);
    if (status.error.hint !== null) lines.push(`  ${style.cyan('hint:')} ${status.error.hint}`);
  }
  if (status.state === null) return lines;
  const { baseline, results, champion } = status.state;
  const all = baseline.find((row) => row.artifactType === 'all');
  lines.push(`  champion: ${champion === null ? 'the base model' : champion.id}`, '', roundsHeader(style));
  if (all !== undefined) lines.push(baselineLine(all, null));
  return [...lines, ...results.map((result) => roundLine(result, null, style))];
}

/** The same for `--json`. */
export function loopStatusObject(name: string, run: string, { status, ...doing }: Snapshot): object {
  return { event: 'status', name, workflow: run, ...status, ...doing };
}
