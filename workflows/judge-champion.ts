import type { RoundKey } from '../activities/interfaces.js';
import type { LiveWatch, LoopState, ModelReference } from '../activities/loop-state.js';
import type { ArtifactRef } from '../config/domain.js';
import type { LoopConfig } from '../config/loop.js';
import { startWatch } from '../learning/tracking/watch-champion.js';
import type { Activities } from './proxies.js';

/** The part of a loop's state that belongs to its champion. */
export type Champion = Pick<LoopState, 'champion' | 'test' | 'validation' | 'validationScores' | 'watch'>;

const nameOf = (model: ModelReference | null): string => model?.id ?? 'base';

/**
 * Looks at the users' scores of the champion and brings its predecessor back when they have worsened (the rule is that
 * of `learning/tracking/watch-champion.ts`). Returns the champion after that.
 */
export async function watchLiveScores(
  { store, cpu }: Activities,
  key: RoundKey,
  config: LoopConfig,
  feedbackRef: ArtifactRef,
  champion: Champion,
): Promise<Champion> {
  const { watch, ...unwatched } = champion;
  if (watch === undefined || !config.tracking.rollback) return champion;
  const {
    verdict,
    pairs,
    meanDifference,
    watch: seen,
  } = await cpu.watchLiveScores({ key, config, feedbackRef, watch });
  const row = { champion: nameOf(champion.champion), former: nameOf(watch.former), verdict, pairs, meanDifference };
  await store.recordWatch({ key, row });
  if (verdict === 'open') return { ...champion, watch: { ...watch, ...seen } };
  if (verdict === 'holds') return unwatched;
  const reason = `live scores worsened: ${meanDifference.toFixed(1)} points in the last round, ${pairs} pairs, error ${config.tracking.alpha}`;
  await store.rollBackModel({ key, model: watch.former, reason });
  return formerOf(watch);
}

/** The watch over a model that has just replaced the champion; `formerRef`: the feedback on the champion's answers. */
export function watchOver(replaced: Champion, formerRef: ArtifactRef): LiveWatch {
  const { champion: former, test: formerTest, validation: formerValidation, validationScores: formerScores } = replaced;
  const measured = { formerTest, formerValidation, ...(formerScores !== undefined && { formerScores }) };
  return { ...startWatch(), formerRef, former, ...measured };
}

function formerOf({ former, formerTest, formerValidation, formerScores }: LiveWatch): Champion {
  return {
    champion: former,
    test: formerTest,
    validation: formerValidation,
    ...(formerScores !== undefined && { validationScores: formerScores }),
  };
}

/** The champion with what a comparison needs: measured where an earlier round did not. */
export async function measureChampion(
  { store, gpu }: Activities,
  key: RoundKey,
  config: LoopConfig,
  champion: Champion,
): Promise<Champion> {
  const needsScores = config.tracking.gate === 'sequential' || config.selection.fallback;
  const isKnown = champion.validation.length > 0 && (!needsScores || champion.validationScores !== undefined);
  if (isKnown) return champion;
  const measured = await gpu.evaluateModel({ key, config, model: champion.champion, split: 'validation' });
  await store.recordEvaluations({ key, rows: measured.rows });
  const { rows: validation, scoresRef: validationScores } = measured;
  return { ...champion, validation, ...(validationScores !== undefined && { validationScores }) };
}

/**
 * The sequential gate: both models answer the validation requests, and further blocks of as many, until the paired test
 * has proved the challenger better or has given up. Kept in the store.
 */
export async function judgeChallenger(
  { store, cpu, gpu }: Activities,
  key: RoundKey,
  config: LoopConfig,
  models: { champion: Champion; challenger: ModelReference; challengerScores: ArtifactRef },
): Promise<{ promote: boolean; reason: string }> {
  const { champion, challenger } = models;
  let [championRef, challengerRef] = [champion.validationScores!, models.challengerScores];
  let [pairs, gain] = [0, 0];
  for (let block = 1, state = null; ; block++) {
    const judged = await cpu.judgeChallenger({ key, config, championRef, challengerRef, state });
    gain += judged.meanGain * (judged.n - pairs);
    pairs = judged.n;
    if (judged.decision !== 'continue') {
      const { decision, eValue, pValue } = judged;
      const row = { challenger: challenger.id, champion: nameOf(champion.champion), decision, pairs, eValue, pValue };
      await store.recordPromotion({ key, row: { ...row, meanGain: gain / pairs } });
      const shown = `${gain < 0 ? '' : '+'}${(gain / pairs).toFixed(1)} points over ${pairs} pairs, p = ${pValue.toPrecision(2)}`;
      return { promote: decision === 'promote', reason: `validation ${shown}` };
    }
    state = judged.state;
    const scores = async (model: ModelReference | null) =>
      (await gpu.evaluateModel({ key, config, model, split: 'validation', block })).scoresRef!;
    championRef = await scores(champion.champion);
    challengerRef = await scores(challenger);
  }
}
