import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { annotate, simulatedNow, simulateFeedback } from '../../../datasets/annotator.js';
import { validateFeedbackEvent } from '../../../datasets/feedback/validate-feedback-event.js';
import { boilerplate, groundedness, isGeneric } from '../../../datasets/generic-content.js';
import { makeSampleFeedback } from '../../../datasets/make-sample-feedback.js';
import { corruptArtifact } from '../../../datasets/tasks/corrupt.js';
import { generateTasks } from '../../../datasets/tasks/task.js';
import { validateArtifact } from '../../../datasets/tasks/validators/validate-artifact.js';
import { ARTIFACT_TYPES, BASE_TYPES } from '../../../config/domain.js';
import { stream } from '../../../config/random.js';

const tasks = generateTasks({
  seed: 23,
  purpose: 'annotator',
  count: 2000,
  distribution: 'target',
  artifactTypes: ARTIFACT_TYPES,
});

describe('simulated annotator', () => {
  it('gives the canonical artifact, and a wrong one for 5 % of the requests', () => {
    const answers = tasks.map((task) => ({ task, ...annotate(task, { seed: 1 }) }));
    const wrong = answers.filter((answer) => answer.wrong);
    expect(wrong.length / tasks.length).toBeGreaterThan(0.03);
    expect(wrong.length / tasks.length).toBeLessThan(0.07);
    for (const { task, correctedOutput, wrong: isWrong } of answers) {
      const { score } = validateArtifact(task.artifactType, task.specification, correctedOutput);
      expect(score === 100).toBe(!isWrong);
    }
  });

  it('depends on seed and request alone', () => {
    expect(annotate(tasks[0]!, { seed: 1 })).toEqual(annotate({ ...tasks[0]! }, { seed: 1 }));
    expect(tasks.every((task) => !annotate(task, { seed: 1, wrongRate: 0 }).wrong)).toBe(true);
  });
});

describe('simulateFeedback', () => {
  const input = {
    loop: 'main',
    round: 2,
    requestId: 'r1',
    artifactType: 'erd',
    specification: 'a user has name.',
    output: 'erDiagram',
    modelUsed: 'base',
    validationScore: 69.9,
  } as const;

  it('makes valid events whose id and time follow from loop, round and request', () => {
    const event = simulateFeedback(input);
    expect(validateFeedbackEvent(event)).toEqual({ event });
    expect(simulateFeedback({ ...input, output: 'other' })).toMatchObject({ id: event.id, ts: event.ts });
    expect(simulateFeedback({ ...input, round: 3 }).id).not.toBe(event.id);
    expect(event.context.notes).toBe('simulated');
  });

  it('spreads times over the 60 days before the simulated present', () => {
    const now = Date.parse(simulatedNow(2));
    const ages = tasks.map(
      (task) => (now - Date.parse(simulateFeedback({ ...input, requestId: task.id }).ts)) / 86_400_000,
    );
    expect(Math.min(...ages)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...ages)).toBeLessThanOrEqual(60);
    expect(ages.reduce((a, b) => a + b, 0) / ages.length).toBeCloseTo(30, -1);
  });

  it('names success from 70, failure below, and a correction where one is attached', () => {
    expect(simulateFeedback(input).feedback_type).toBe('VALIDATION_FAILURE');
    expect(simulateFeedback({ ...input, validationScore: 70 }).feedback_type).toBe('SUCCESS');
    expect(simulateFeedback({ ...input, correctedOutput: 'erDiagram' }).feedback_type).toBe('USER_CORRECTION');
  });
});

describe('generic content', () => {
  it('finds nearly all boilerplate and spares correct and slightly wrong answers', () => {
    const source = stream(2, 'generic');
    let caught = 0;
    let spared = 0;
    for (const task of tasks) {
      const { artifactType, specification, reference } = task;
      expect(groundedness(artifactType, specification, reference)).toBe(1);
      expect(isGeneric(artifactType, specification, reference).generic).toBe(false);
      if (isGeneric(artifactType, specification, boilerplate(artifactType, source)).generic) caught++;
      if (!isGeneric(artifactType, specification, corruptArtifact(artifactType, specification, source)).generic)
        spared++;
    }
    expect(caught / tasks.length).toBeGreaterThan(0.97);
    expect(spared / tasks.length).toBeGreaterThan(0.9);
  });

  it('judges free requests by their words', () => {
    const free = 'We need tables for zebra and their keeper with a badge';
    expect(groundedness('erd', free, 'erDiagram\nzebra {\nint id PK\nstring badge\n}')).toBe(1);
    expect(isGeneric('erd', free, 'erDiagram\ncustomer {\nstring email\n}').generic).toBe(true);
    expect(isGeneric('code_prototype', 'sort the zebras', 'return xs').generic).toBe(false);
    expect(isGeneric('code_prototype', 'sort the zebras', '').generic).toBe(true);
    expect(groundedness('sql_query', 'prices of zebras', 'SELECT prices FROM zebras')).toBe(1);
    expect(isGeneric('sql_query', 'prices of zebras', 'SELECT * FROM items').generic).toBe(true);
  });

  it('says why', () => {
    expect(isGeneric('erd', 'a user has name.', ' ')).toEqual({
      generic: true,
      groundedness: 0,
      reason: 'the answer is empty',
    });
    expect(isGeneric('erd', 'a user has name.', 'erDiagram\ntag {\nint id PK\nstring code\n}').reason).toBe(
      'only 0 % of its identifiers come from the request',
    );
    expect(isGeneric('code_prototype', 'keep even then double.', 'return xs').generic).toBe(true);
  });
});

describe('sample feedback', () => {
  const events = makeSampleFeedback();

  it('is what the committed file holds', () => {
    const text = readFileSync(new URL('../../../datasets/samples/feedback.jsonl', import.meta.url), 'utf8');
    expect(text).toBe(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  });

  it('holds 120 valid events with failures, corrections and successes of each type', () => {
    expect(events).toHaveLength(120);
    for (const event of events) expect(validateFeedbackEvent(event)).toEqual({ event });
    for (const artifactType of BASE_TYPES) {
      const kinds = events.filter((event) => event.artifact_type === artifactType).map((event) => event.feedback_type);
      expect(new Set(kinds)).toEqual(new Set(['SUCCESS', 'VALIDATION_FAILURE', 'USER_CORRECTION']));
    }
  });
});
