/**
 * How many feedback events a second are read, validated and stored, and how long their difficulties and rewards take.
 * `node dist/bench/feedback-throughput.js [--json] [--events N]`. Every tenth event comes twice, all are shuffled, every
 * fifth carries a correction; requests and answers are those of the simulated users. One process, a new database.
 */
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { FeedbackEvent } from '../config/domain.js';
import { stream } from '../config/random.js';
import { RatchetConfig } from '../config/schema.js';
import { estimateDifficulty, generateTasks, loadFeedback } from '../datasets/index.js';
import { levenshteinSimilarity } from '../learning/metrics/levenshtein.js';
import { scoreRewards } from '../learning/reward/score-rewards.js';
import { Store } from '../store/store.js';

const { values: flags } = parseArgs({
  options: { json: { type: 'boolean', default: false }, events: { type: 'string', default: '1000000' } },
});
const events = Number(flags.events);
const TASKS = 20_000;
const BATCH = 20_000;
const CORRECTED_EVERY = 5;

const draw = stream(1, 'bench', 'feedback-throughput');
const tasks = generateTasks({ seed: 1, purpose: 'throughput', count: TASKS, distribution: 'target', split: 'pool' });
/** Right answers, and answers to the request before: what they are worth is of no account here. */
const answers = tasks.map(({ reference }, index) => {
  const output = draw.integer(2) === 0 ? reference : tasks[Math.max(0, index - 1)]!.reference;
  return { output, score: draw.integer(101) };
});

function eventOf(index: number): FeedbackEvent {
  const { artifactType, specification, reference } = tasks[index % TASKS]!;
  const { output, score } = answers[index % TASKS]!;
  const corrected = index % CORRECTED_EVERY === 0;
  return {
    id: `event-${index}`,
    ts: new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString(),
    input_data: specification,
    ai_output: output,
    artifact_type: artifactType,
    model_used: 'base',
    validation_score: score,
    feedback_type: corrected ? 'USER_CORRECTION' : score >= 70 ? 'SUCCESS' : 'VALIDATION_FAILURE',
    context: {},
    ...(corrected && { corrected_output: reference }),
  };
}

const seconds = (since: number) => (performance.now() - since) / 1000;
/** Processor time of all threads of this process, which a busy machine leaves as it is. */
const processorSeconds = (since?: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

const folder = mkdtempSync(path.join(tmpdir(), 'ratchet-throughput-'));
try {
  const file = path.join(folder, 'events.jsonl');
  const order = Array.from({ length: events }, (_, index) => index);
  for (let twice = 0; twice < events / 10; twice += 1) order.push(draw.integer(events));
  const out = createWriteStream(file);
  for (const index of draw.shuffle(order))
    if (!out.write(`${JSON.stringify(eventOf(index))}\n`)) await once(out, 'drain');
  out.end();
  await once(out, 'finish');

  const store = await Store.open(path.join(folder, 'ratchet.duckdb'));
  const [began, usedBefore] = [performance.now(), process.cpuUsage()];
  let accepted = 0;
  const report = await loadFeedback(file, {
    batchSize: BATCH,
    async onEvents(batch) {
      accepted += (await store.appendFeedback('main', batch, file)).accepted;
    },
    onRejected() {},
  });
  const [ingested, ingestUsed] = [seconds(began), processorSeconds(usedBefore)];
  const stored = await store.countPending('main', 0);
  await store.close();

  const all = Array.from({ length: events }, (_, index) => eventOf(index));
  const { reward } = RatchetConfig.parse({}).loop;
  const similarity = reward.similarity === 'character' ? levenshteinSimilarity : undefined;
  const [scored, usedByThen] = [performance.now(), process.cpuUsage()];
  const rewards = scoreRewards(all, {
    asOf: all.at(-1)!.ts,
    config: reward,
    difficultyOf: (event) => estimateDifficulty(event.artifact_type, event.input_data),
    ...(similarity !== undefined && { similarity }),
  });
  const result = {
    events,
    read: report.read,
    accepted,
    stored,
    ingestSeconds: ingested,
    ingestProcessorSeconds: ingestUsed,
    eventsPerSecond: Math.round(report.read / ingested),
    eventsPerProcessorSecond: Math.round(report.read / ingestUsed),
    similarity: reward.similarity,
    rewards: rewards.length,
    rewardSeconds: seconds(scored),
    rewardProcessorSeconds: processorSeconds(usedByThen),
    peakMegabytes: Math.round(process.resourceUsage().maxRSS / 1024),
  };
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(result)}\n`
      : `${result.read} events read, ${stored} stored in ${ingested.toFixed(1)} s: ${result.eventsPerSecond} a second, ` +
          `${result.eventsPerProcessorSecond} a second of processor time; rewards and difficulties of ${events} in ` +
          `${result.rewardSeconds.toFixed(1)} s, ${result.rewardProcessorSeconds.toFixed(1)} s of processor time\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
