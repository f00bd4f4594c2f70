import { ActivityCancellationType, defineQuery, proxyActivities, setHandler } from '@temporalio/workflow';
import type { ClaimsCpuActivities, ClaimsGpuActivities, ClaimsInput } from '../activities/claims.js';
import type { ClaimsReport } from '../config/claims.js';
import type { WorkflowSettings } from './proxies.js';

export interface RunClaimsInput extends ClaimsInput {
  settings: WorkflowSettings;
  /** What to play; the report is over everything of the tier that is there. */
  arms: string[];
  seeds: number[];
}

export interface ClaimsProgress {
  done: number;
  total: number;
  /** What runs now. */
  current: { arm: string; seed: number } | null;
}

export const claimsProgressQuery = defineQuery<ClaimsProgress>('claimsProgress');

/** Workflow id of a tier's experiments. */
export const claimsWorkflowId = (tier: string): string => `claims/${tier}`;

/**
 * The experiments on the claims: one activity a (seed, arm), all arms of a seed before the next seed, so that what is
 * there is always paired. Each result is a file named by the hash of its configuration: a run that is started again
 * passes over what it has.
 */
export async function runClaims(input: RunClaimsInput): Promise<ClaimsReport> {
  const { preregistration, tier, arms, seeds, settings } = input;
  const { queues, heartbeatTimeoutSeconds } = settings;
  const retry = { initialInterval: '1 s', maximumInterval: '1 min', maximumAttempts: 10 } as const;
  const gpu = proxyActivities<ClaimsGpuActivities>({
    taskQueue: queues.gpu,
    startToCloseTimeout: '24 h',
    heartbeatTimeout: `${heartbeatTimeoutSeconds} s`,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry,
  });
  const cpu = proxyActivities<ClaimsCpuActivities>({
    taskQueue: queues.cpu,
    startToCloseTimeout: '10 min',
    heartbeatTimeout: `${Math.max(5, heartbeatTimeoutSeconds)} s`,
    retry,
  });
  const ground: ClaimsInput = { preregistration, tier };
  const budget = preregistration.tiers[tier];
  const progress: ClaimsProgress = { done: 0, total: arms.length * seeds.length, current: null };
  setHandler(claimsProgressQuery, () => ({ ...progress }));

  await cpu.checkClaimsGround(ground);
  for (const seed of budget.probeSeeds) await cpu.probeClaims({ ...ground, seed });
  for (const seed of seeds) {
    for (const arm of arms) {
      progress.current = { arm, seed };
      await gpu.playClaimsArm({ ...ground, arm, seed });
      progress.done++;
    }
  }
  progress.current = null;
  return cpu.judgeClaims({ ...ground, arms: budget.arms, seeds: budget.seeds, probeSeeds: budget.probeSeeds });
}
