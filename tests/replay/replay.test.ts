import { readdirSync, readFileSync } from 'node:fs';
import { DeterminismViolationError } from '@temporalio/workflow';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { roundWorkflowId, trainingWorkflowId, trialWorkflowId } from '../../workflows/identifiers.js';
import { quietRuntime, startEnvironment, workflowBundle } from '../workflow/environment.js';
import { withLoop } from '../workflow/loop-harness.js';
import { MemoryLoop } from '../workflow/memory-activities.js';
import { RealLoop } from '../workflow/real-loop.js';
import { folder, recordHistory } from './histories.js';

const stored = readdirSync(folder).filter((file) => file.endsWith('.json'));

beforeAll(quietRuntime);

describe('W1 stored histories', () => {
  it('W1: there are some of every workflow', () => {
    const workflows = new Set(stored.map((file) => /^v[\d.]+-([a-z-]+)/.exec(file)![1]));
    expect([...workflows].sort()).toEqual(['measure-baseline', 'run-adaptive-loop', 'run-round', 'train-adapter']);
  });

  it.each(stored)('W1: %s replays with the workflows of today', async (file) => {
    await Worker.runReplayHistory({ workflowBundle }, JSON.parse(readFileSync(folder + file, 'utf8')));
  });

  it('W1: a history with another order of activities does not replay', async () => {
    const text = readFileSync(`${folder}v0.1-run-round.json`, 'utf8');
    const other = JSON.parse(text.replace('"name":"scoreRewards"', '"name":"organizeCurriculum"'));
    await expect(Worker.runReplayHistory({ workflowBundle }, other)).rejects.toThrow(DeterminismViolationError);
  });
});

describe('W1 fresh histories', () => {
  let environment: TestWorkflowEnvironment;
  beforeAll(async () => {
    environment = await startEnvironment();
  });
  afterAll(() => environment.teardown());

  it('W1: a run of today replays', async () => {
    await withLoop(environment, new MemoryLoop(), { simulatedUsers: { requests: 24 }, rounds: 2 }, async (loop) => {
      await loop.handle.result();
      const { name } = loop.config;
      const ids = {
        'run-adaptive-loop': loop.handle.workflowId,
        'measure-baseline': roundWorkflowId(name, 0),
        'run-round': roundWorkflowId(name, 2),
        'train-adapter': trainingWorkflowId(name, 2),
      };
      for (const [workflow, id] of Object.entries(ids)) {
        const history = await environment.client.workflow.getHandle(id).fetchHistory();
        await Worker.runReplayHistory({ workflowBundle }, history, id);
        recordHistory(workflow, history);
      }
    });
  });

  it('W1: a run with every switch of the loop replays, and so does one with none', async () => {
    const small = {
      rounds: 2,
      simulatedUsers: { requests: 60, wrongLabels: 0, testSpecifications: 12 },
      batching: { min: 1 },
      training: { numEpochs: 1 },
    };
    const on = {
      components: { tuning: true, preferenceLearning: true },
      selection: { fallback: true },
      tracking: { gate: 'sequential', maximumPairs: 12, rollback: true },
      tuning: { trials: 2, parallel: 2, space: { numEpochs: [1, 2] } },
    };
    const off = { components: { curriculum: false, activeLearning: false, tracking: false } };
    for (const switches of [on, off]) {
      const real = await RealLoop.open();
      await withLoop(environment, real, { ...small, ...switches }, async ({ handle, config: { name } }) => {
        await handle.result();
        const trial = switches === on ? [trialWorkflowId(name, 2, 1)] : [];
        for (const id of [handle.workflowId, roundWorkflowId(name, 2), ...trial]) {
          const history = await environment.client.workflow.getHandle(id).fetchHistory();
          await Worker.runReplayHistory({ workflowBundle }, history, id);
        }
      });
    }
  });
});
