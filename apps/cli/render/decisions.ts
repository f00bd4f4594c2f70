import type { RoundRecord } from '../../../store/trace.js';
import { loss } from './numbers.js';

/** A round's decisions by component, each with its reason, as far as they were taken. */
export function decisions(record: RoundRecord): [string, string][] {
  const { stage, nextStage, admitted, events, chosen, candidates, strategy, variants, originals, batches } = record;
  const { trials, prunedTrials, bestObjective, promotion, watch, fallback, hardNegatives } = record;
  const lines: [string, string | false | undefined][] = [
    [
      'curriculum',
      admitted !== undefined &&
        `${stage}: ${admitted} of ${events} events admitted${nextStage === stage ? '' : `; next ${nextStage}`}`,
    ],
    ['selection', candidates !== undefined && `${chosen} of ${candidates} candidates by ${strategy ?? 'the strategy'}`],
    ['fallback', fallback],
    [
      'augmentation',
      originals !== undefined &&
        `${originals} labels, ${variants} variants${hardNegatives ? `, ${hardNegatives} hard negatives` : ''}`,
    ],
    ['batching', batches !== undefined && `${batches} ${batches === 1 ? 'batch' : 'batches'}`],
    ['tuning', trials !== undefined && `${trials} trials, ${prunedTrials} pruned, best ${loss(bestObjective)}`],
    [
      'live watch',
      watch &&
        `${watch.verdict}: ${watch.champion} against ${watch.former}, ${watch.meanDifference.toFixed(1)} points over ${watch.pairs} pairs`,
    ],
    [
      'gate',
      promotion &&
        `${promotion.decision}: ${promotion.meanGain.toFixed(1)} points over ${promotion.pairs} pairs, p = ${promotion.pValue.toPrecision(2)}`,
    ],
    ['promotion', record.reason && `${record.promoted === true ? 'promoted' : 'not promoted'}: ${record.reason}`],
  ];
  return lines.filter((line): line is [string, string] => typeof line[1] === 'string' && line[1] !== '');
}
