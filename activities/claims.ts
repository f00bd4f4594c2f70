import type { ArmResult, ClaimsReport, ClaimTier, GateProbe, Preregistration, ProbeResult } from '../config/claims.js';
import { configHash } from '../config/hash.js';
import { merge, type Tree } from '../config/layers.js';
import { LoopConfig } from '../config/loop.js';
import { PRESETS } from '../config/presets.js';
import { RatchetError } from '../config/errors.js';
import type { Engine } from '../engine/index.js';
import { judgeClaims } from '../learning/claims/judge-claims.js';
import { mean } from '../learning/statistics/descriptive.js';
import { generatorSha256, modelSha256 } from './claims/fingerprint.js';
import { ComputeMeter } from './claims/compute-meter.js';
import { forgetRun, playArm, type ArmPlan } from './claims/play-arm.js';
import { PLANTED_SHARES, probeComponents } from './claims/probe-components.js';
import { readState, resultFile, writeState } from './claims/result-files.js';
import { baseModelFolder, type Dependencies } from './dependencies.js';
import type { CpuActivities, GpuActivities } from './interfaces.js';

export interface ClaimsInput {
  preregistration: Preregistration;
  tier: ClaimTier;
}

/** The experiments on the claims, on the queue that runs the engine. */
export interface ClaimsGpuActivities {
  /** Plays one arm on one seed, or reads the result of an equal run; a killed one goes on after its last round. */
  playClaimsArm(input: ClaimsInput & { arm: string; seed: number }): Promise<{ key: string; known: boolean }>;
}

/** The experiments on the claims, on the queue that needs no engine. */
export interface ClaimsCpuActivities {
  /** Checks that generators and base model are those that were registered. Throws E_CONFIG_INVALID. */
  checkClaimsGround(input: ClaimsInput): Promise<void>;
  probeClaims(input: ClaimsInput & { seed: number }): Promise<{ key: string; known: boolean }>;
  /** Judges every claim on the results that are there. */
  judgeClaims(input: ClaimsInput & { arms: string[]; seeds: number[]; probeSeeds: number[] }): Promise<ClaimsReport>;
}

/** The loop of an arm on a seed: preset, then the tier's budgets, then the arm's own settings. */
export function planArm({ preregistration, tier }: ClaimsInput, arm: string, seed: number): ArmPlan {
  const registered = preregistration.arms[arm];
  const budget = preregistration.tiers[tier];
  if (registered === undefined) {
    const known = Object.keys(preregistration.arms).join(', ');
    throw new RatchetError('E_USAGE', `There is no arm "${arm}".`, { hint: `Arms: ${known}.` });
  }
  const { preset, settings, asConfigured, rounds = budget.rounds } = registered;
  const layers = [PRESETS[preset], budget.settings, settings] as Tree[];
  const config = LoopConfig.parse({ ...layers.reduce(merge, {}), preset, seed, rounds });
  const rowVisitsPerLabel = asConfigured ? null : budget.rowVisitsPerLabel;
  const { revision, generatorSha256: generator, modelSha256: model } = preregistration;
  const run = configHash({ config: { ...config, rounds: 0 }, rowVisitsPerLabel, revision, generator, model });
  const key = configHash({ run, rounds });
  return { key, run, tier, arm, seed, rowVisitsPerLabel, config: { ...config, name: `claims-${run.slice(0, 16)}` } };
}

/** Fingerprints of the generators and the base model that a registration's arms use, as they are here. */
export async function fingerprintOf(
  input: ClaimsInput,
): Promise<Pick<Preregistration, 'generatorSha256' | 'modelSha256'>> {
  const { config } = planArm(input, Object.keys(input.preregistration.arms)[0]!, 0);
  return {
    generatorSha256: generatorSha256(config.simulatedUsers?.artifactTypes),
    modelSha256: await modelSha256(baseModelFolder(config)),
  };
}

/** Whether another arm of the tier is to go on where this one ends: the same loop over more rounds, not played yet. */
async function isContinued(dataFolder: string, input: ClaimsInput, plan: ArmPlan): Promise<boolean> {
  for (const arm of input.preregistration.tiers[input.tier].arms) {
    const { key, run, config } = planArm(input, arm, plan.seed);
    if (run !== plan.run || config.rounds <= plan.config.rounds) continue;
    if ((await readState(dataFolder, resultFile(key))) === null) return true;
  }
  return false;
}

/** Key of a seed's probes, which train nothing. */
export const probeKey = (input: ClaimsInput, seed: number) =>
  configHash({ probe: seed, planted: PLANTED_SHARES, generator: input.preregistration.generatorSha256 });

/** The gates as detectors, over the seeds; where no seed refused a label there is no precision. */
function meanGates(probes: readonly ProbeResult[]): GateProbe[] {
  if (probes.length === 0) return [];
  return PLANTED_SHARES.map((planted, place) => {
    const over = (side: 'v1' | 'v2') => {
      const found = probes.map(({ gates }) => gates[place]![side]);
      const precisions = found.flatMap(({ precision }) => precision ?? []);
      return {
        precision: precisions.length === 0 ? null : mean(precisions),
        recall: mean(found.map(({ recall }) => recall)),
      };
    };
    return { planted, v1: over('v1'), v2: over('v2') };
  });
}

export function createClaimsGpuActivities(
  deps: Dependencies & { engine: Engine; cpu: CpuActivities; gpuOver(engine: Engine): GpuActivities },
): ClaimsGpuActivities {
  return {
    async playClaimsArm({ arm, seed, ...input }) {
      const plan = planArm(input, arm, seed);
      const { key } = plan;
      const known = (await readState(deps.dataFolder, resultFile(key))) !== null;
      if (!known) {
        const engine = new ComputeMeter(deps.engine);
        const result = await playArm({ ...deps, engine, gpu: deps.gpuOver(engine) }, plan);
        await writeState(deps.dataFolder, resultFile(key), result);
      }
      // Of a known one, too: it may have been killed right before.
      if (!(await isContinued(deps.dataFolder, input, plan))) await forgetRun(deps.dataFolder, plan);
      return { key, known };
    },
  };
}

export function createClaimsCpuActivities({ dataFolder }: Dependencies): ClaimsCpuActivities {
  return {
    async checkClaimsGround(input) {
      const { preregistration } = input;
      const found = await fingerprintOf(input);
      for (const name of ['generatorSha256', 'modelSha256'] as const) {
        if (found[name] === preregistration[name]) continue;
        throw new RatchetError(
          'E_CONFIG_INVALID',
          `${name} of the preregistration is ${preregistration[name] || 'empty'}, but ${found[name]} is what is here.`,
          { hint: 'Results would not be those of the registered experiment: register anew, in a commit of its own.' },
        );
      }
    },

    async probeClaims({ seed, ...input }) {
      const key = probeKey(input, seed);
      if ((await readState(dataFolder, resultFile(key))) !== null) return { key, known: true };
      const result: ProbeResult = { key, ...(await probeComponents(seed)) };
      await writeState(dataFolder, resultFile(key), result);
      return { key, known: false };
    },

    async judgeClaims({ arms, seeds, probeSeeds, ...input }) {
      const { preregistration, tier } = input;
      const read = <T>(key: string) => readState<T>(dataFolder, resultFile(key));
      const wanted = arms.flatMap((arm) => seeds.map((seed) => ({ arm, seed })));
      const found = await Promise.all(wanted.map(({ arm, seed }) => read<ArmResult>(planArm(input, arm, seed).key)));
      const runs = found.flatMap((run, place) => (run === null ? [] : [{ ...run, ...wanted[place]! }]));
      const probes = (await Promise.all(probeSeeds.map((seed) => read<ProbeResult>(probeKey(input, seed))))).filter(
        (probe) => probe !== null,
      );
      const loads = runs.flatMap(({ machine }) => [machine.loadAtStart, machine.loadAtEnd]);
      return {
        tier,
        preregistrationSha256: configHash(preregistration),
        generatorSha256: preregistration.generatorSha256,
        modelSha256: preregistration.modelSha256,
        seeds: seeds.filter((seed) => runs.some((run) => run.seed === seed)),
        arms: Object.fromEntries(arms.map((arm) => [arm, runs.filter((run) => run.arm === arm).length])),
        rounds: preregistration.tiers[tier].rounds,
        note: preregistration.tiers[tier].note,
        labels: Object.fromEntries(
          [...new Set(runs.map((run) => run.arm))].map((arm) => [
            arm,
            mean(runs.filter((run) => run.arm === arm).map((run) => run.rounds.at(-1)!.labels)),
          ]),
        ),
        machine:
          runs.length === 0 ? null : { cpus: runs[0]!.machine.cpus, load: [Math.min(...loads), Math.max(...loads)] },
        goodKept: probes.length === 0 ? null : mean(probes.map((probe) => probe.goodKept.v2)),
        gates: meanGates(probes),
        complete: runs.length === wanted.length && probes.length === probeSeeds.length,
        claims: judgeClaims(preregistration.claims, {
          runs,
          probes,
          targetScore: preregistration.tiers[tier].targetScore,
        }),
      };
    },
  };
}
