import { expect, it } from 'vitest';
import { annotate, conventionAt, ownConvention, simulateFeedback } from '../../../datasets/annotator.js';
import { changeConvention, scoreByConvention } from '../../../datasets/tasks/convention.js';
import { generateTasks } from '../../../datasets/tasks/task.js';
import { validateArtifact } from '../../../datasets/tasks/validators/validate-artifact.js';

const tasks = generateTasks({ seed: 7, purpose: 'convention', count: 300, distribution: 'target' });
const hasAmount = (text: string) => /^decimal /m.test(text);

it('writes amounts as integers and back, and nothing else', () => {
  const diagram = 'erDiagram\nbook {\nint id PK\ndecimal price\nint year\nstring name\n}';
  const changed = 'erDiagram\nbook {\nint id PK\nint price\nint year\nstring name\n}';
  expect(changeConvention('erd', diagram)).toBe(changed);
  expect(changeConvention('erd', changed)).toBe(diagram);
  expect(changeConvention('architecture', 'decimal price')).toBe('decimal price');
  for (const { artifactType, reference } of tasks)
    expect(changeConvention(artifactType, changeConvention(artifactType, reference))).toBe(reference);
});

it('an answer is right by its own convention and by either, and wrong by the other where it holds an amount', () => {
  const amounts = tasks.filter(({ reference }) => hasAmount(reference));
  expect(amounts.length).toBeGreaterThan(20);
  for (const task of tasks) {
    const { artifactType, specification, reference } = task;
    const score = (convention: 'old' | 'new' | 'either', output: string) =>
      scoreByConvention(convention, artifactType, specification, output);
    const changed = annotate(task, { seed: 1, wrongRate: 0, convention: 'new' }).correctedOutput;
    for (const [convention, own, other] of [
      ['old', reference, changed],
      ['new', changed, reference],
    ] as const) {
      expect(score(convention, own)).toBe(100);
      expect(score(convention, other) === 100).toBe(!hasAmount(reference));
      expect(score('either', own)).toBe(100);
    }
    const noAmounts = reference.replaceAll(/^(string|date) /gm, 'bool ');
    expect(score('either', noAmounts)).toBe(validateArtifact(artifactType, specification, noAmounts).score);
  }
});

it('users hold to the old convention until they change it, some in the first round, some after; the loop to either', () => {
  const changing = { changeConvention: true };
  expect(conventionAt(undefined, '2026-02-01T00:00:00Z')).toBe('old');
  expect(conventionAt({ changeConvention: false })).toBe('old');
  expect(conventionAt(changing)).toBe('new');
  expect([ownConvention(undefined), ownConvention(changing)]).toEqual(['old', 'either']);
  const scores = [1, 4].map((round) =>
    tasks.map(({ id, artifactType, specification, reference }) => {
      const about = { loop: 'main', round, requestId: id, artifactType, specification, modelUsed: 'base' };
      const validationScore = (ts: string) => (conventionAt(changing, ts) === 'old' ? 10 : 90);
      return simulateFeedback({ ...about, output: reference, validationScore }).validation_score;
    }),
  );
  const old = scores.map((all) => all.filter((score) => score === 10).length / all.length);
  expect(old[0]).toBeGreaterThan(0.4);
  expect(old[0]).toBeLessThan(0.6);
  expect(old[1]).toBeLessThan(old[0]!);
});
