import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { BatchRow, EvaluationRow, ExampleRow, FeedbackEvent, RewardRow } from '../../../config/domain.js';
import type { OpenOptions } from '../../../store/database.js';
import { Store } from '../../../store/store.js';

/** A folder that is removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An open store in a folder of its own, closed when the test ends. */
export async function temporaryStore(
  path = join(temporaryFolder(), 'store.duckdb'),
  options: OpenOptions = {},
): Promise<Store> {
  const store = await Store.open(path, options);
  onTestFinished(() => store.close());
  return store;
}

export function event(number: number, fields: Partial<FeedbackEvent> = {}): FeedbackEvent {
  return {
    id: `event-${number}`,
    ts: '2026-11-21T10:00:00Z',
    input_data: `request ${number}`,
    ai_output: `answer ${number}`,
    artifact_type: 'erd',
    model_used: 'base',
    validation_score: number % 101,
    feedback_type: 'SUCCESS',
    context: { notes: `note ${number}` },
    ...fields,
  };
}

export function reward(eventId: string, fields: Partial<RewardRow> = {}): RewardRow {
  return { eventId, reward: 0.5, base: 0.5, ageDays: 1, decay: 0.95, difficultyFactor: 1, balanceFactor: 1, ...fields };
}

export function example(id: string, eventId: string, fields: Partial<ExampleRow> = {}): ExampleRow {
  return {
    id,
    eventId,
    artifactType: 'erd',
    input: `input of ${id}`,
    target: `target of ${id}`,
    source: 'correction',
    difficulty: 0.25,
    reward: 0.5,
    labelScore: 90,
    hardNegative: false,
    split: 'train',
    ...fields,
  };
}

export function batch(id: string, exampleIds: string[]): BatchRow {
  return {
    id,
    artifactType: 'erd',
    size: exampleIds.length,
    available: 10,
    averageQuality: 0.75,
    factors: { availability: 1, quality: 1.1, rarity: 0.9, trend: 1 },
    exampleIds,
  };
}

export function evaluation(id: string, model: string, fields: Partial<EvaluationRow> = {}): EvaluationRow {
  return {
    id,
    loop: 'main',
    round: 1,
    model,
    split: 'test',
    artifactType: 'all',
    n: 30,
    score: 72.5,
    successRate: 0.6,
    edgeScore: 55,
    edgeSuccessRate: 0.4,
    meanReward: 0.3,
    latencyMs: 12,
    ...fields,
  };
}
