import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ScoreSummary } from '../../activities/loop-state.js';
import type { EvaluationRow } from '../../config/domain.js';
import type { WatchedResult } from './loop-watch.js';

/** The summary that `ratchet demo --json` prints last. */
export interface DemoSummary {
  baseline: ScoreSummary;
  final: ScoreSummary;
  labels: number;
  rounds: number;
  /** Wall time of the baseline and all rounds. */
  seconds: number;
  /** SHA-256 of the champion's adapter_model.safetensors; null when no adapter beat the base model. */
  adapterSha256: string | null;
}

/** The row over all artifact types; zeros where nothing was evaluated. */
export function overall(rows: EvaluationRow[]): ScoreSummary {
  const all = rows.find((row) => row.artifactType === 'all');
  return { score: all?.score ?? 0, successRate: all?.successRate ?? 0, edgeScore: all?.edgeScore ?? 0 };
}

export function summarizeDemo({ result, seconds }: WatchedResult): DemoSummary {
  return {
    baseline: overall(result.baseline),
    final: overall(result.final),
    labels: result.labels,
    rounds: result.rounds,
    seconds: Math.round(seconds * 10) / 10,
    adapterSha256: result.adapterSha256,
  };
}

/** Path of the champion's adapter relative to the data folder; null without one. */
export function championPath({ result }: WatchedResult): string | null {
  return result.results.findLast((round) => round.promoted)?.model?.path ?? null;
}

/** Keeps the whole result beside the loop's files; returns the file. */
export function writeResult(dataFolder: string, name: string, watched: WatchedResult): string {
  const file = path.join(dataFolder, 'loops', name, 'result.json');
  mkdirSync(path.dirname(file), { recursive: true });
  const { baseline, final, results } = watched.result;
  const content = { ...summarizeDemo(watched), evaluations: { baseline, final }, results };
  writeFileSync(`${file}.tmp`, `${JSON.stringify(content, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
  return file;
}
