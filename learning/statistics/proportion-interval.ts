import { betaQuantile } from './incomplete-beta.js';
import { normalQuantile } from './normal.js';

export type ProportionMethod = 'wilson' | 'clopper-pearson' | 'agresti-coull' | 'wald' | 'jeffreys';

/**
 * Confidence interval of a share of k successes in n tries (statsmodels' proportion_confint). Wilson (1927) is the one
 * to report: Wald's collapses at 0 and n, Clopper–Pearson is exact but wide.
 * @param successes 0 … tries
 */
export function proportionInterval(
  successes: number,
  tries: number,
  method: ProportionMethod = 'wilson',
  level = 0.95,
): [low: number, high: number] {
  const z = normalQuantile(0.5 + level / 2);
  const tail = (1 - level) / 2;
  const share = successes / tries;
  const beta = (p: number, a: number, b: number) => betaQuantile(p, a, b).x;
  switch (method) {
    case 'wilson': {
      const centre = (share + (z * z) / (2 * tries)) / (1 + (z * z) / tries);
      const half =
        (z * Math.sqrt((share * (1 - share)) / tries + (z * z) / (4 * tries * tries))) / (1 + (z * z) / tries);
      return [successes === 0 ? 0 : centre - half, successes === tries ? 1 : centre + half];
    }
    case 'clopper-pearson':
      return [
        successes === 0 ? 0 : beta(tail, successes, tries - successes + 1),
        successes === tries ? 1 : beta(1 - tail, successes + 1, tries - successes),
      ];
    case 'jeffreys':
      return [
        beta(tail, successes + 0.5, tries - successes + 0.5),
        beta(1 - tail, successes + 0.5, tries - successes + 0.5),
      ];
    case 'agresti-coull': {
      const count = tries + z * z;
      return around((successes + (z * z) / 2) / count, count, z);
    }
    case 'wald':
      return around(share, tries, z);
  }
}

function around(centre: number, count: number, z: number): [number, number] {
  const half = z * Math.sqrt((centre * (1 - centre)) / count);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}
