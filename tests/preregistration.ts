import { readFileSync } from 'node:fs';
import { Preregistration } from '../config/claims.js';

export const readRegistration = (file: string): Preregistration =>
  Preregistration.parse(JSON.parse(readFileSync(file, 'utf8')));

/** The registration of the claims. */
export const registered = readRegistration('bench/claims/prereg.json');

/** The registration with a smoke tier that differs in what is given; its settings are kept but for those given. */
export function withSmokeTier({ settings, ...changes }: Partial<Preregistration['tiers']['smoke']>): Preregistration {
  const { smoke } = registered.tiers;
  return {
    ...registered,
    tiers: { ...registered.tiers, smoke: { ...smoke, ...changes, settings: { ...smoke.settings, ...settings } } },
  };
}
