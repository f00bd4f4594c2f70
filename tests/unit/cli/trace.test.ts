import { describe, expect, it } from 'vitest';
import { parseRun } from '../../../apps/cli/commands/trace.js';
import { sparkline } from '../../../apps/cli/render/sparkline.js';
import { createStyle } from '../../../apps/cli/render/style.js';
import { traceLines, type Trace } from '../../../apps/cli/render/trace.js';
import type { LoopTrace } from '../../../store/trace.js';
import type { RoundTimeline } from '../../../workers/trace/read-timeline.js';

const plain = createStyle(false);
const BEGIN = Date.parse('2026-11-21T10:00:00Z');

const records: LoopTrace = {
  loop: 'demo',
  rounds: [
    { round: 0, status: 'completed', startedAt: '2026-11-21T10:00:00Z', finishedAt: '2026-11-21T10:00:05Z' },
    {
      round: 1,
      status: 'completed',
      startedAt: '2026-11-21T10:00:05.250Z',
      finishedAt: '2026-11-21T10:00:45Z',
      stage: 'easy',
      nextStage: 'medium',
      events: 320,
      admitted: 112,
      strategy: 'active-learner',
      candidates: 100,
      chosen: 40,
      originals: 40,
      variants: 20,
      hardNegatives: 10,
      batches: 2,
      labels: 40,
      score: 50.25,
      promoted: true,
      reason: 'validation +4.0 points over 150 pairs, p = 0.0031',
      promotion: {
        challenger: 'demo-round-1',
        champion: 'base',
        decision: 'promote',
        pairs: 150,
        meanGain: 4,
        eValue: 320,
        pValue: 0.0031,
      },
    },
  ],
  trainings: [
    {
      id: 'loops/demo/round-1/train',
      round: 1,
      status: 'completed',
      steps: 20,
      trainLoss: 1.25,
      validationLoss: 0.9,
      losses: [2, 1.6, 1.3, 1.1, 1, 0.9],
      tokens: 12_000,
      milliseconds: 10_000,
      checkpoints: 2,
    },
  ],
  audit: [
    {
      at: '2026-11-21T10:00:20.123Z',
      actor: 'ada',
      action: 'setComponents',
      subject: 'components',
      details: { reason: 'week 1' },
    },
  ],
};

const timeline: RoundTimeline = {
  round: 1,
  workflow: {
    workflowId: 'loop/demo/round-1',
    runId: 'r',
    status: 'completed',
    startedAt: BEGIN + 5_250,
    endedAt: BEGIN + 45_250,
    activities: [],
    children: [],
    lostWorkflowTasks: 1,
  },
  stages: [
    {
      stage: 'feedback',
      startedAt: BEGIN + 5_250,
      endedAt: BEGIN + 15_250,
      activities: 6,
      attempts: 6,
      longestWait: 12,
      workers: ['gpu-worker@2', 'cpu-worker@1'],
      faults: [],
    },
    {
      stage: 'training',
      startedAt: BEGIN + 15_250,
      endedAt: BEGIN + 45_250,
      activities: 3,
      attempts: 4,
      longestWait: 8,
      workers: ['gpu-worker@9'],
      faults: ['trainModel: activity Heartbeat timeout'],
    },
  ],
  time: { gpu: 36_000, cpu: 1_000, store: 400, retries: 2_000, orchestration: 600 },
  activities: [],
  earlierRuns: 0,
};

const told = (changes: Partial<Trace>): string => {
  const trace: Trace = {
    loop: 'demo',
    training: false,
    records,
    timelines: [timeline],
    now: BEGIN,
    missing: [],
    ...changes,
  };
  return `\n${traceLines(trace, plain).join('\n')}\n`;
};
const round1 = { round: 1, records: { ...records, rounds: records.rounds.slice(1) } };

describe('trace', () => {
  it('of a loop', () => {
    expect(told({})).toMatchInlineSnapshot(`
      "
      loop demo · rounds 0 to 1 · 2026-11-21 UTC

      round  start      took  waited  time              orch.  faults  loss          score
      base   10:00:00  5.0 s       –                        –  –                         –  the base model
      1      10:00:05   40 s  250 ms  ████████████▓▒×░  1.5 %  2       █▅▄▂▂▁ 1.250   50.3  promoted: validation +4.0 points over 150 pairs, p = 0.0031

      time          ████████████████████▓▒×░ █ gpu 90.0 % · ▓ cpu 2.5 % · ▒ store 1.0 % · × retries 5.0 % · ░ orchestration 1.5 %
      round 1       easy: 112 of 320 events admitted; next medium · 40 of 100 candidates by active-learner

      changes
        2026-11-21 10:00:20  ada · setComponents components · week 1
      "
    `);
  });

  it('of a round', () => {
    expect(told(round1)).toMatchInlineSnapshot(`
      "
      loop demo · round 1 · completed · 2026-11-21 10:00:05 UTC · 40 s

      stage       at  took  activities   wait                                    worker
      feedback  0 ms  10 s  6           12 ms  ━━━━━━━━                          gpu-worker@2, cpu-worker@1
      training  10 s  30 s  3 +1         8 ms  ········━━━━━━━━━━━━━━━━━━━━━━━━  gpu-worker@9
        tried again: training · trainModel: activity Heartbeat timeout
        workflow tasks lost and done again: 1

      loss          █▅▄▂▂▁ 2.000 → 0.9000, mean 1.250
      training      20 steps · 1200 tokens/s · 500 ms a step · validation 0.9000 · 2 checkpoints
      time          ████████████████████▓▒×░ █ gpu 90.0 % · ▓ cpu 2.5 % · ▒ store 1.0 % · × retries 5.0 % · ░ orchestration 1.5 %

      curriculum    easy: 112 of 320 events admitted; next medium
      selection     40 of 100 candidates by active-learner
      augmentation  40 labels, 20 variants, 10 hard negatives
      batching      2 batches
      gate          promote: 4.0 points over 150 pairs, p = 0.0031
      promotion     promoted: validation +4.0 points over 150 pairs, p = 0.0031
      "
    `);
  });

  it('of a training', () => {
    expect(told({ ...round1, training: true })).toMatchInlineSnapshot(`
      "
      loop demo · round 1 · completed · 2026-11-21 10:00:05 UTC · 40 s

      stage       at  took  activities  wait                                    worker
      training  10 s  30 s  3 +1        8 ms  ········━━━━━━━━━━━━━━━━━━━━━━━━  gpu-worker@9
        tried again: training · trainModel: activity Heartbeat timeout
        workflow tasks lost and done again: 1

      loss          █▅▄▂▂▁ 2.000 → 0.9000, mean 1.250
      training      20 steps · 1200 tokens/s · 500 ms a step · validation 0.9000 · 2 checkpoints
      "
    `);
  });

  it('without a server: what the store knows, and what is missing', () => {
    expect(told({ timelines: [], missing: ['nothing runs on this data folder'] })).toMatchInlineSnapshot(`
      "
      loop demo · rounds 0 to 1 · 2026-11-21 UTC

      round  start      took  waited  loss          score
      base   10:00:00  5.0 s       –                    –  the base model
      1      10:00:05   40 s  250 ms  █▅▄▂▂▁ 1.250   50.3  promoted: validation +4.0 points over 150 pairs, p = 0.0031

      round 1       easy: 112 of 320 events admitted; next medium · 40 of 100 candidates by active-learner

      changes
        2026-11-21 10:00:20  ada · setComponents components · week 1
      missing: nothing runs on this data folder
      "
    `);
    expect(told({ ...round1, timelines: [], missing: ['nothing runs on this data folder'] })).toMatchInlineSnapshot(`
      "
      loop demo · round 1 · completed · 2026-11-21 10:00:05 UTC · 40 s

      loss          █▅▄▂▂▁ 2.000 → 0.9000, mean 1.250
      training      20 steps · 1200 tokens/s · 500 ms a step · validation 0.9000 · 2 checkpoints

      curriculum    easy: 112 of 320 events admitted; next medium
      selection     40 of 100 candidates by active-learner
      augmentation  40 labels, 20 variants, 10 hard negatives
      batching      2 batches
      gate          promote: 4.0 points over 150 pairs, p = 0.0031
      promotion     promoted: validation +4.0 points over 150 pairs, p = 0.0031
      missing: nothing runs on this data folder
      "
    `);
  });

  it('takes a loop, a round or a training, by name or by workflow id', () => {
    expect(parseRun('demo')).toEqual({ loop: 'demo', training: false });
    expect(parseRun('loop/my-loop/round-12')).toEqual({ loop: 'my-loop', round: 12, training: false });
    expect(parseRun('demo/round-0/train')).toEqual({ loop: 'demo', round: 0, training: true });
    for (const wrong of ['', 'Demo', 'demo/round-x', 'demo/round-1/evaluate', 'a b'])
      expect(() => parseRun(wrong)).toThrow('names no run');
  });
});

describe('sparkline', () => {
  it('spans the range of the values, averages long series and leaves gaps blank', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline([3, 3, 3])).toBe('▄▄▄');
    expect(sparkline([0, Number.NaN, 7])).toBe('▁ █');
    expect(sparkline([0, 0, 7, 7, 0, 0, 7, 7], 4)).toBe('▁█▁█');
    expect(sparkline([])).toBe('');
  });
});
