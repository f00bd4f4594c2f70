import { rm } from 'node:fs/promises';
import path from 'node:path';
import { planArm, type ClaimsInput } from '../activities/claims.js';

/** Removes what some arms came to on some seeds, half-played runs as well, so that they are measured again. */
export async function forgetClaims(
  dataFolder: string,
  { arms, seeds, ...ground }: ClaimsInput & { arms: readonly string[]; seeds: readonly number[] },
): Promise<void> {
  for (const arm of arms) {
    for (const seed of seeds) {
      const { key, config } = planArm(ground, arm, seed);
      for (const uri of [`claims/results/${key}.json`, `claims/runs/${key}.json`, `loops/${config.name}`])
        await rm(path.join(dataFolder, uri), { recursive: true, force: true });
    }
  }
}
