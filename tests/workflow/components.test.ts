import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../config/load.js';
import { generateTasks, simulateFeedback, validateArtifact, annotate } from '../../datasets/index.js';
import { reportStatistics } from '../../workflows/report-statistics.js';
import { setComponentsUpdate, stopSignal, feedbackArrivedSignal } from '../../workflows/messages.js';
import { startEnvironment, until } from './environment.js';
import { withLoop } from './loop-harness.js';
import { RealLoop } from './real-loop.js';
import type { Script } from './scripted-engine.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

async function realLoop(script: Script = {}): Promise<RealLoop> {
  const loop = await RealLoop.open(script);
  onTestFinished(() => loop.close());
  return loop;
}

const OFF = {
  curriculum: false,
  activeLearning: false,
  augmentation: false,
  hardNegativeMining: false,
  tuning: false,
  tracking: false,
};
const SMALL = {
  rounds: 1,
  simulatedUsers: { requests: 60, wrongLabels: 0, testSpecifications: 12 },
  batching: { min: 1 },
  training: { numEpochs: 2 },
  tuning: { trials: 2, space: { numEpochs: [1, 2] as [number, number] } },
};

describe('components', () => {
  it.each([[], ...Object.keys(OFF).map((name) => [name])])(
    'R11: with only %s on, only its rows are in the store',
    async (...names) => {
      const loop = await realLoop();
      const on = Object.fromEntries(names.map((name) => [name, true]));
      // Tuning needs validation rows, which tracking keeps apart.
      if (names[0] === 'tuning') on.tracking = true;
      const given = { ...SMALL, components: { ...OFF, ...on } };
      await withLoop(environment, loop, given, async ({ handle }) => {
        expect((await handle.result()).results[0]?.trained).toBe(true);
      });
      expect(await loop.traces()).toEqual(Object.keys(on).sort());
    },
  );
});
