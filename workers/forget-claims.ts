import { rm } from 'node:fs/promises';
import path from 'node:path';
import { planArm, probeKey, type ClaimsInput } from '../activities/claims.js';
import { forgetRun } from '../activities/claims/play-arm.js';
import { resultFile } from '../activities/claims/result-files.js';

/**
 * Removes what some arms came to on some seeds, half-played runs as well, and what the tier's probes found, so that they are
 * measured again.
 */
export async function forgetClaims(
  dataFolder: string,
  { arms, seeds, ...ground }: ClaimsInput & { arms: readonly string[]; seeds: readonly number[] },
): Promise<void> {
  const remove = (uri: string) => rm(path.join(dataFolder, uri), { recursive: true, force: true });
  for (const seed of ground.preregistration.tiers[ground.tier]!.probeSeeds)
    await remove(resultFile(probeKey(ground, seed)));
  for (const arm of arms) {
    for (const seed of seeds) {
      const plan = planArm(ground, arm, seed);
      await remove(resultFile(plan.key));
      await forgetRun(dataFolder, plan);
    }
  }
}
