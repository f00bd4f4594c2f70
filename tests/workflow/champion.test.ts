import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RoundResult } from '../../activities/loop-state.js';
import { feedbackArrivedSignal, stopSignal } from '../../workflows/messages.js';
import { startEnvironment, until } from './environment.js';
import { feedbackEvents } from './feedback-events.js';
import { withLoop } from './loop-harness.js';
import { RealLoop } from './real-loop.js';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await startEnvironment();
});
afterAll(() => environment.teardown());

/** A loop whose models answer a share of the requests right: one share a round. */
async function loopWithSkills(skills: number[]): Promise<RealLoop> {
  return await RealLoop.open({
    skillOf: ({ outputDir }) => skills[Number(/round-(\d+)/.exec(outputDir)![1]) - 1]!,
  });
}

const SMALL = {
  simulatedUsers: { requests: 60, wrongLabels: 0, testSpecifications: 40 },
  batching: { min: 1 },
  training: { numEpochs: 1 },
};
const COLUMNS = 'round, challenger, champion, decision, pairs, mean_gain, e_value, p_value';

describe('the sequential gate', () => {
  it('promotes what the paired test proves better, asks for more requests until then, and keeps the rest', async () => {
    const loop = await loopWithSkills([0.9, 0.9, 0.2]);
    const given = { ...SMALL, rounds: 3, tracking: { gate: 'sequential', maximumPairs: 200 } };
    await withLoop(environment, loop, given, async ({ handle, config: { name } }) => {
      const { results } = await handle.result();
      expect(results.map(({ promoted }) => promoted)).toEqual([true, false, false]);
      const rows = await loop.store.query(`SELECT ${COLUMNS} FROM promotions ORDER BY round`);
      expect(rows.map(({ round, challenger, champion, decision }) => [round, challenger, champion, decision])).toEqual([
        [1, `${name}-round-1`, 'base', 'promote'],
        [2, `${name}-round-2`, `${name}-round-1`, 'keep'],
        [3, `${name}-round-3`, `${name}-round-1`, 'keep'],
      ]);
      const [better, equal, worse] = rows as { pairs: number; mean_gain: number; e_value: number; p_value: number }[];
      // Twenty requests a block: proof took several, and equal models used all that are allowed.
      expect(better!.pairs % 20).toBe(0);
      expect(better!.pairs).toBeGreaterThan(20);
      expect(better!.p_value).toBeLessThan(0.05);
      expect(better!.e_value).toBeGreaterThan(1);
      expect(equal).toMatchObject({ pairs: 200, mean_gain: 0 });
      expect(worse!.pairs).toBeLessThan(200);
      expect(worse!.mean_gain).toBeLessThan(0);
      expect(results[0]!.reason).toMatch(/^validation \+[\d.]+ points over \d+ pairs, p = 0\.0/);
    });
  });
});

describe('the rollback', () => {
  const given = { ...SMALL, simulatedUsers: undefined, minFeedback: 30, tracking: { rollback: true } };

  it.each([
    ['worsen', 20, 'worse'],
    ['improve', 95, 'holds'],
  ])('when live scores %s after a promotion, the watch ends in time', async (_name, later, verdict) => {
    const loop = await loopWithSkills([0.9, 0.1, 0.1]);
    await withLoop(environment, loop, given, async ({ handle, status, config: { name } }) => {
      const feed = async (round: number, score: number): Promise<RoundResult> => {
        const events = feedbackEvents(name, 60 * round, `round-${round}`, score);
        const { lastSeq } = await loop.store.appendFeedback(name, events);
        await handle.signal(feedbackArrivedSignal, lastSeq);
        await until(`round ${round} is done`, async () => (await status()).state?.round === round, 100_000);
        return (await status()).state!.results.at(-1)!;
      };
      expect(await feed(1, 80)).toMatchObject({ promoted: true });
      const promoted = (await status()).state!;
      expect(promoted.watch).toMatchObject({ former: null });
      expect(promoted.champion?.id).toBe(`${name}-round-1`);

      await feed(2, later);
      const { champion, watch, test } = (await status()).state!;
      const looks = await loop.store.query('SELECT round, champion, former, verdict FROM champion_watches');
      expect(looks).toEqual([{ round: 2, champion: `${name}-round-1`, former: 'base', verdict }]);
      expect(watch).toBeUndefined();
      const audit = await loop.store.query("SELECT action, subject, details FROM audit WHERE action = 'rollBack'");
      const rolledBack = { champion: null, test: 'base', stored: null, audit: [['base', `${name}-round-1`]] };
      const kept = { champion: `${name}-round-1`, test: `${name}-round-1`, stored: `${name}-round-1`, audit: [] };
      expect({
        champion: champion?.id ?? null,
        test: test[0]?.model,
        stored: (await loop.store.champion(name))?.id ?? null,
        audit: audit.map(({ subject, details }) => [subject, JSON.parse(details as string).before]),
      }).toEqual(verdict === 'worse' ? rolledBack : kept);
      await handle.signal(stopSignal);
      await handle.result();
    });
  });
});

describe('selection by a strategy', () => {
  it.each(['active-learner', 'badge', 'k-center'])(
    'R6: %s with a random slice: both are kept, measured and carried to the next round',
    async (strategy) => {
      const loop = await loopWithSkills([0.6, 0.8]);
      const selection = { strategy, fallback: true, budget: 20 };
      const given = { ...SMALL, rounds: 2, selection, components: { curriculum: false, hardNegativeMining: false } };
      await withLoop(environment, loop, given, async ({ handle, config: { name } }) => {
        await handle.result();
        const slices = await loop.store.query(
          'SELECT round, slice, count(*) AS n FROM selection_slices GROUP BY ALL ORDER BY round, slice',
        );
        expect(slices).toEqual([
          { round: 1, slice: 'random', n: 10 },
          { round: 1, slice: 'strategy', n: 10 },
          { round: 2, slice: 'random', n: 10 },
          { round: 2, slice: 'strategy', n: 10 },
        ]);
        const chosen = (await loop.store.selections(name, 1)).filter((row) => row.selected);
        expect(chosen).toHaveLength(20);
        const yields = await loop.store.query('SELECT count(*) AS n FROM label_yields');
        expect(yields[0]!.n).toBeGreaterThan(20);
        const states = await loop.store.query('SELECT round, mode, rounds, gains FROM fallback_states ORDER BY round');
        expect(states.map(({ round, mode, rounds }) => [round, mode, rounds])).toEqual([
          [1, 'trial', 1],
          [2, 'trial', 2],
        ]);
        expect(JSON.parse(states[1]!.gains as string)).toHaveLength(2);
      });
    },
  );
});
