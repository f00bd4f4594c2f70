import { readFileSync } from 'node:fs';
import { Preregistration } from '../config/claims.js';

/** The registration that is in the repository. */
export const registered = Preregistration.parse(JSON.parse(readFileSync('bench/claims/prereg.json', 'utf8')));

/** The registration with a smoke tier that differs in what is given; its settings are kept but for those given. */
export function withSmokeTier({ settings, ...changes }: Partial<Preregistration['tiers']['smoke']>): Preregistration {
  const { smoke } = registered.tiers;
  return {
    ...registered,
    tiers: { ...registered.tiers, smoke: { ...smoke, ...changes, settings: { ...smoke.settings, ...settings } } },
  };
}
