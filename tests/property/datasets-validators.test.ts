import { describe, expect, it } from 'vitest';
import { ARTIFACT_TYPES, type ArtifactType } from '../../config/domain.js';
import { stream } from '../../config/random.js';
import { corruptArtifact } from '../../datasets/tasks/corrupt.js';
import { referenceFor } from '../../datasets/tasks/families.js';
import { generateTasks, taskOf, type Task } from '../../datasets/tasks/task.js';
import { contextVariation, paraphrase, permuteOutput, renameIdentifiers } from '../../datasets/tasks/variants.js';
import { validateArtifact } from '../../datasets/tasks/validators/validate-artifact.js';

const COUNT = 1000;
const score = (artifactType: ArtifactType, specification: string, output: string) =>
  validateArtifact(artifactType, specification, output).score;

describe.each(ARTIFACT_TYPES)('R14 %s', (artifactType) => {
  const tasks: Task[] = generateTasks({
    seed: 17,
    purpose: 'property',
    count: COUNT,
    distribution: 'target',
    artifactType,
  });

  it('scores every canonical artifact 100 with nothing to complain about', () => {
    for (const task of tasks) {
      const { score: found, reasons } = validateArtifact(artifactType, task.specification, task.reference);
      expect([found, reasons, task.specification]).toEqual([100, [], task.specification]);
    }
  });

  it("scores nothing, blanks and other artifacts' text 0", () => {
    for (const task of tasks.slice(0, 50)) {
      expect(score(artifactType, task.specification, '')).toBe(0);
      expect(score(artifactType, task.specification, ' \n ')).toBe(0);
      expect(score(artifactType, task.specification, 'I am a language model.')).toBe(0);
    }
  });

  it('scores every corrupted artifact below 100 and at least 0, the same each time', () => {
    const source = stream(17, 'corrupt', artifactType);
    for (const task of tasks) {
      const output = corruptArtifact(artifactType, task.specification, source, 1 + source.integer(3));
      const found = score(artifactType, task.specification, output);
      expect(found).toBeLessThan(100);
      expect(found).toBeGreaterThanOrEqual(0);
      expect(score(artifactType, task.specification, output)).toBe(found);
    }
  });

  it('scores an answer that was cut off anywhere, without failing, and a mere beginning 0', () => {
    for (const task of tasks.slice(0, 200)) {
      for (let end = 0; end < task.reference.length; end += 17) {
        const found = score(artifactType, task.specification, task.reference.slice(0, end));
        expect(found).toBeGreaterThanOrEqual(0);
        expect(found).toBeLessThanOrEqual(100);
      }
      expect(score(artifactType, task.specification, task.reference.slice(0, 6))).toBe(0);
    }
  });

  it('R9: paraphrases and contexts keep the answer', () => {
    const source = stream(17, 'paraphrase', artifactType);
    let changed = 0;
    for (const task of tasks) {
      for (const operator of [paraphrase, contextVariation]) {
        const text = operator(artifactType, task.specification, source);
        if (text !== task.specification) changed++;
        expect(referenceFor(artifactType, text)).toBe(task.reference);
      }
    }
    expect(changed).toBeGreaterThan(COUNT);
  });

  it('R9: leaves requests outside the closed language as they are', () => {
    const source = stream(17, 'free', artifactType);
    const free = 'Please draw zebras, as many as you can!';
    expect(paraphrase(artifactType, free, source)).toBe(free);
    expect(contextVariation(artifactType, free, source)).toBe(free);
    expect(permuteOutput(artifactType, free, source)).toBe(free);
    expect(renameIdentifiers(artifactType, free, 'zebra', source)).toEqual({ specification: free, output: 'zebra' });
  });

  it('R9: permuted answers still score 100', () => {
    const source = stream(17, 'permute', artifactType);
    let changed = 0;
    for (const task of tasks) {
      const output = permuteOutput(artifactType, task.reference, source);
      if (output !== task.reference) changed++;
      expect([score(artifactType, task.specification, output), output]).toEqual([100, output]);
    }
    expect(changed).toBeGreaterThan(COUNT / 20);
  });

  it('R9: renamed requests score 100 with their renamed answers, in any order', () => {
    const source = stream(17, 'rename', artifactType);
    let changed = 0;
    for (const task of tasks) {
      const output = permuteOutput(artifactType, task.reference, source);
      const renamed = renameIdentifiers(artifactType, task.specification, output, source);
      if (renamed.specification !== task.specification) changed++;
      expect([score(artifactType, renamed.specification, renamed.output), renamed]).toEqual([100, renamed]);
      expect(taskOf(artifactType, renamed.specification).constructs).toEqual(task.constructs);
    }
    expect(changed).toBeGreaterThan(COUNT / 5);
  });
});
