import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../apps/cli/loop-watch.js';
import { loopStatusLines } from '../../../apps/cli/render/loop-status.js';
import { bar, fit, progressLine } from '../../../apps/cli/render/progress.js';
import { createStyle, visible } from '../../../apps/cli/render/style.js';
import { round, state, status } from './sample-loop.js';

const plain = createStyle(false);
const training = { name: '', unit: 'step', done: 45, total: 120, loss: 1.23456, attempt: 1 } as const;
const snapshot = (changes: Partial<Snapshot> = {}): Snapshot => ({
  status: status(),
  stage: 'training',
  activity: training,
  approval: null,
  ...changes,
});

describe('the live line', () => {
  it('says whose approval a round waits for', () => {
    const approval = { model: 'main-round-3', reason: 'validation score 40.0 → 52.5' };
    expect(progressLine(snapshot({ stage: 'tracking', activity: null, approval }), plain)).toMatch(
      / · main-round-3 waits for approval: validation score 40.0 → 52.5$/,
    );
  });

  it('shows what the loop does in every phase', () => {
    const evaluating = { name: 'evaluating', unit: 'answers', done: 10, total: 240, loss: null, attempt: 2 } as const;
    const error = { code: 'E_DISK_FULL', message: 'no space', hint: null };
    const lines = [
      snapshot({ status: null }),
      snapshot({ status: status({ phase: 'baseline' }), stage: 'tracking', activity: evaluating }),
      snapshot(),
      snapshot({ stage: 'reward', activity: null }),
      snapshot({ activity: { ...training, total: 0, done: 0, loss: null } }),
      snapshot({ status: status({ phase: 'waiting', rounds: 0 }) }),
      snapshot({ status: status({ phase: 'paused' }) }),
      snapshot({ status: status({ phase: 'failed', error }) }),
      snapshot({ status: status({ phase: 'finished' }) }),
    ].map((value) => progressLine(value, plain));
    expect(`\n${lines.join('\n')}\n`).toMatchInlineSnapshot(`
      "
      starting
      baseline · measuring the base model · evaluating ━─────────────────────── answers 10/240 · attempt 2
      round 2/5 · training ━━━━━━━━━─────────────── step 45/120 · loss 1.235
      round 2/5 · reward
      round 2/5 · training
      round 2 · waiting for feedback, 3 of 20 events
      round 2/5 · paused
      round 2/5 · failed: E_DISK_FULL
      finished
      "
    `);
  });

  it('fills the bar by the share done, and never beyond its width', () => {
    expect([0, 0.5, 1, 7, -1].map((share) => bar(share, 4, plain))).toEqual(['────', '━━──', '━━━━', '━━━━', '────']);
  });

  it('is cut to the width of the terminal, colours left out of the count', () => {
    const line = createStyle(true).green('123456789');
    expect(fit(line, 10)).toBe(line);
    expect(visible(fit(line, 9))).toBe('1234567…');
  });
});

describe('the status of a loop', () => {
  it('shows phase, champion and rounds', () => {
    const value = snapshot({
      status: status({ state: state({ results: [round(1), round(2, { promoted: false })] }) }),
    });
    expect(`\n${loopStatusLines('demo', 'RUNNING', value, plain).join('\n')}\n`).toMatchInlineSnapshot(`
      "
      loop demo · running
        round 2/5 · training ━━━━━━━━━─────────────── step 45/120 · loss 1.235
        champion: the base model

      round  stage   score  success  edge cases  labels     loss         time
      base   –        40.0   20.0 %        20.0       0        –            –
      1      easy     50.3   31.3 %        22.0     112   0.4321            –  promoted
      2      easy     50.3   31.3 %        22.0     224   0.4321            –  kept the former: validation score 40.0 → 50.0
      "
    `);
  });

  it('says why a round failed and what to do', () => {
    const error = { code: 'E_DISK_FULL', message: 'No space left.', hint: 'Free some space.' };
    const value = snapshot({ status: status({ phase: 'failed', error, stopping: true }) });
    expect(loopStatusLines('demo', 'RUNNING', value, plain)).toMatchInlineSnapshot(`
      [
        "loop demo · running · stopping",
        "  round 2/5 · failed: E_DISK_FULL",
        "  E_DISK_FULL: No space left.",
        "  hint: Free some space.",
      ]
    `);
  });
});
