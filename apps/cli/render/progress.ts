import type { Activity, Snapshot } from '../loop-watch.js';
import { loss } from './numbers.js';
import { visible, type Style } from './style.js';

/** `━━━━━━──────` for a share of 0–1. */
export function bar(share: number, width: number, style: Style): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return style.cyan('━'.repeat(full)) + style.dim('─'.repeat(width - full));
}

/** What the loop is doing right now, in one line. */
export function progressLine(snapshot: Snapshot, style: Style): string {
  const { status, activity } = snapshot;
  if (status === null) return 'starting';
  const rounds = status.rounds > 0 ? `${status.round}/${status.rounds}` : String(status.round);
  switch (status.phase) {
    case 'baseline':
      return `${style.bold('baseline')} · measuring the base model${work(activity, style)}`;
    case 'waiting':
      return `round ${rounds} · waiting for feedback, ${status.pending} of ${status.minFeedback} events`;
    case 'paused':
      return `round ${rounds} · paused`;
    case 'failed':
      return `round ${rounds} · failed: ${status.error?.code ?? 'E_INTERNAL'}`;
    case 'finished':
      return 'finished';
    case 'running':
      if (snapshot.approval != null)
        return `${style.bold(`round ${rounds}`)} · ${snapshot.approval.model} waits for approval: ${snapshot.approval.reason}`;
      return `${style.bold(`round ${rounds}`)} · ${snapshot.stage ?? 'starting'}${work(activity, style)}`;
  }
}

function work(activity: Activity | null, style: Style): string {
  if (activity === null) return '';
  const { done, total, unit } = activity;
  const name = activity.name === '' ? '' : ` · ${activity.name}`;
  const retry = activity.attempt > 1 ? style.yellow(` · attempt ${activity.attempt}`) : '';
  if (total === 0) return name + retry;
  const value = activity.loss === null ? '' : ` · loss ${loss(activity.loss)}`;
  return `${name} ${bar(done / total, 24, style)} ${unit} ${done}/${total}${value}${retry}`;
}

/** Cuts a line that would wrap; a wrapped line cannot be redrawn. */
export function fit(line: string, columns: number): string {
  if (visible(line).length < columns) return line;
  return `${visible(line).slice(0, Math.max(0, columns - 2))}…`;
}
