import { MockActivityEnvironment } from '@temporalio/testing';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generatorSha256, modelSha256 } from '../../../activities/claims/fingerprint.js';
import { planArm } from '../../../activities/claims.js';
import { stateFile } from '../../../activities/claims/result-files.js';
import { createCpuActivities, createGpuActivities } from '../../../activities/index.js';
import type { ArmResult } from '../../../config/claims.js';
import { BASE_TYPES, type ArtifactType } from '../../../config/domain.js';
import { configHash } from '../../../config/hash.js';
import { claimsPage } from '../../../apps/cli/render/claims-page.js';
import { forestPlot } from '../../../apps/cli/render/forest-plot.js';
import { readRegistration, registered, withSmokeTier } from '../../preregistration.js';
import { ScriptedEngine, type Script } from '../../workflow/scripted-engine.js';

describe('the registration', () => {
  it('names the generators and the base model that are here', async () => {
    expect(registered.generatorSha256).toBe(generatorSha256());
    expect(registered.modelSha256).toBe(await modelSha256('models/base'));
  });

  it('the one of the held-out family does so, too, and shares no seed and no setting of a loop but its types', async () => {
    const heldOut = readRegistration('bench/claims/held-out.json');
    expect(heldOut.generatorSha256).toBe(generatorSha256(['sql_query']));
    expect(heldOut.modelSha256).toBe(await modelSha256('models/held-out'));
    expect(heldOut.tiers.cpu.seeds.filter((seed) => registered.tiers.cpu.seeds.includes(seed))).toEqual([]);
    for (const arm of heldOut.tiers.cpu.arms) {
      const [own, usual] = [heldOut, registered].map(
        (preregistration) => planArm({ preregistration, tier: 'cpu' }, arm, 1).config,
      );
      const { model, simulatedUsers, name: _, ...rest } = own!;
      expect([model, simulatedUsers?.artifactTypes]).toEqual(['models/held-out', ['sql_query']]);
      expect(usual).toMatchObject(rest);
    }
  });

  it('every arm of a tier and of a claim exists, and every arm is a valid loop', () => {
    const wanted = [
      ...Object.values(registered.tiers).flatMap((tier) => tier.arms),
      ...registered.claims.flatMap((claim) => [claim.arm, claim.against]),
    ];
    expect(wanted.filter((arm) => !(arm in registered.arms))).toEqual([]);
    expect(new Set(registered.claims.map((claim) => claim.id)).size).toBe(registered.claims.length);
    expect(registered.tiers.cpu.seeds.length).toBeGreaterThanOrEqual(10);
    const seeds = Object.values(registered.tiers).map((tier) => new Set(tier.seeds));
    expect([...seeds[0]!].filter((seed) => seeds[1]!.has(seed))).toEqual([]);
  });

  it('R13: the arms of a tier differ in nothing but what their name says', () => {
    const plan = (arm: string, seed = 1) => planArm({ preregistration: registered, tier: 'cpu' }, arm, seed).config;
    for (const arm of registered.tiers.cpu.arms) {
      const { training, simulatedUsers, selection, rounds, seed } = plan(arm);
      expect({ training, simulatedUsers, rounds, seed, budget: selection.budget }).toEqual({
        training: plan('v1').training,
        simulatedUsers: { ...plan('v1').simulatedUsers, changeConvention: arm.includes('-with-change') },
        rounds: arm.endsWith('-to-600') ? 6 : 4,
        seed: 1,
        budget: 100,
      });
    }
    for (const { arm, against } of registered.claims)
      expect(plan(arm).simulatedUsers).toEqual(plan(against).simulatedUsers);
    expect(plan('v2-with-mining').components).toEqual({ ...plan('v2').components, hardNegativeMining: true });
    expect(plan('v1').components.tracking).toBe(false);
    expect(plan('v1', 2).name).not.toBe(plan('v1').name);
  });
});

describe('playing an arm', () => {
  let dataFolder: string;
  beforeEach(() => (dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-claims-'))));
  afterEach(() => rmSync(dataFolder, { recursive: true, force: true }));

  const small = withSmokeTier({
    seeds: [1],
    probeSeeds: [],
    arms: ['v1', 'v2', 'v2-with-tuning', 'v2-with-preferences'],
    rounds: 3,
    rowVisitsPerLabel: 4,
    settings: {
      selection: { budget: 90 },
      tuning: { trials: 2 },
      simulatedUsers: { requests: 120, wrongLabels: 0.05, testSpecifications: 20 },
    },
  });
  const input = { preregistration: small, tier: 'smoke' as const };

  function activities(script: Script = {}) {
    const engine = new ScriptedEngine(script);
    const environment = new MockActivityEnvironment();
    const gpu = createGpuActivities({ dataFolder, engine });
    const inner = Object.entries(gpu).map(([name, activity]) => [
      name,
      (given: never) => environment.run(activity as (given: never) => Promise<unknown>, given),
    ]);
    return { ...createCpuActivities({ dataFolder }), ...(Object.fromEntries(inner) as typeof gpu) };
  }
  /** Activities whose engine throws when it trains in such a folder. */
  const failingIn = (folder: RegExp, message: string) =>
    activities({
      beforeEpoch: (spec) => {
        if (folder.test(spec.outputDir)) throw new Error(message);
      },
    });
  const result = (key: string): ArmResult =>
    JSON.parse(readFileSync(path.join(dataFolder, `claims/results/${key}.json`), 'utf8')) as ArmResult;
  /** What two equal runs share: not the clock, not the load. */
  const facts = ({ rounds, machine: _, ...rest }: ArmResult) => ({
    ...rest,
    rounds: rounds.map(({ seconds: _seconds, ...round }) => round),
  });

  it('spends the same labels on both loops, and tuning trials and preference pairs count as rows trained on', async () => {
    const { playClaimsArm } = activities({ skillOf: (_spec, rows) => Math.min(1, rows / 400) });
    const play = async (arm: string) => result((await playClaimsArm({ ...input, arm, seed: 1 })).key);
    const [v1, v2, tuned] = [await play('v1'), await play('v2'), await play('v2-with-tuning')];
    const preferred = await play('v2-with-preferences');
    expect(v1.baseTest).toEqual(v2.baseTest);
    expect(v1.rounds.map((round) => round.labels)).toEqual([90, 180, 270]);
    expect(v2.rounds.map((round) => round.labels)).toEqual([90, 180, 270]);
    expect(preferred.rounds[0]!.rowVisits).toBeGreaterThan(v2.rounds[0]!.rowVisits);
    expect(tuned.rounds.at(-1)!.trained).toBe(true);
    expect(tuned.rounds.at(-1)!.rowVisits).toBeGreaterThan(v2.rounds.at(-1)!.rowVisits);
    expect(existsSync(path.join(dataFolder, `loops/${planArm(input, 'v1', 1).config.name}`))).toBe(false);
  });

  it('arms that draw at random from the same requests draw the same ones, under whatever names', async () => {
    const planned: string[] = [];
    const { playClaimsArm } = activities({
      beforeEpoch: ({ trainFile }, epoch) => void (epoch === 1 && planned.push(readFileSync(trainFile, 'utf8'))),
    });
    const others = { ...input, preregistration: { ...small, revision: 'another' } };
    const keys = [
      await playClaimsArm({ ...input, arm: 'v1', seed: 1 }),
      await playClaimsArm({ ...input, arm: 'v1-with-reward', seed: 1 }),
      await playClaimsArm({ ...others, arm: 'v1', seed: 1 }),
    ].map(({ key }) => key);
    expect(new Set(keys).size).toBe(3);
    const trainings = planned.length / 3;
    expect(trainings).toBeGreaterThan(1);
    const first = planned.slice(0, trainings);
    expect(planned).toEqual([...first, ...first, ...first]);
  });

  it('plays on types that no default was tuned on, whose results have names of their own', async () => {
    const asking = (artifactTypes: ArtifactType[]) => {
      const users = { requests: 120, wrongLabels: 0.05, testSpecifications: 20, artifactTypes };
      const tier = { ...small.tiers.smoke, settings: { ...small.tiers.smoke.settings, simulatedUsers: users } };
      return { ...input, preregistration: { ...small, tiers: { ...small.tiers, smoke: tier } } };
    };
    const plan = { arm: 'v2', seed: 1 };
    expect(planArm(asking([...BASE_TYPES]), 'v2', 1).key).toBe(planArm(input, 'v2', 1).key);
    const { playClaimsArm, checkClaimsGround } = activities({ skillOf: (_spec, rows) => Math.min(1, rows / 400) });
    const others = asking(['sql_query']);
    const { key } = await playClaimsArm({ ...others, ...plan });
    expect(key).not.toBe(planArm(input, 'v2', 1).key);
    expect(result(key).rounds.map((round) => round.labels)).toEqual([90, 180, 270]);
    expect(Object.keys(result(key).byType)).toEqual(['sql_query']);
    await expect(checkClaimsGround(others)).rejects.toThrow(generatorSha256(['sql_query']));
    const registeredAnew = { ...others.preregistration, generatorSha256: generatorSha256(['sql_query']) };
    await checkClaimsGround({ ...others, preregistration: registeredAnew });
  });

  it('goes on after the last finished round when it was killed, with the same result', async () => {
    const { key } = await activities().playClaimsArm({ ...input, arm: 'v1', seed: 1 });
    const undisturbed = facts(result(key));
    rmSync(path.join(dataFolder, 'claims'), { recursive: true });
    const killed = failingIn(/round-2/, 'killed');
    await expect(killed.playClaimsArm({ ...input, arm: 'v1', seed: 1 })).rejects.toThrow('killed');
    const again = failingIn(/round-1\//, 'round 1 is played twice');
    expect(await again.playClaimsArm({ ...input, arm: 'v1', seed: 1 })).toEqual({ key, known: false });
    expect(facts(result(key))).toEqual(undisturbed);
    const { config } = planArm(input, 'v1', 1);
    const folder = path.join(dataFolder, `loops/${config.name}`);
    mkdirSync(folder);
    expect(await again.playClaimsArm({ ...input, arm: 'v1', seed: 1 })).toEqual({ key, known: true });
    expect(existsSync(folder), 'left by a kill after the result').toBe(false);
  });

  it('an arm with more rounds goes on with the equal shorter one, with the result of playing it whole', async () => {
    const arms = ['v2', 'v2-to-600'];
    const ground = { ...input, preregistration: withSmokeTier({ ...small.tiers.smoke, arms }) };
    const longer = { ...ground, arm: 'v2-to-600', seed: 1 };
    const { key } = await activities().playClaimsArm(longer);
    const whole = facts(result(key));
    expect(whole.rounds).toHaveLength(6);
    rmSync(path.join(dataFolder, 'claims'), { recursive: true });

    const shorter = await activities().playClaimsArm({ ...ground, arm: 'v2', seed: 1 });
    expect(result(shorter.key).rounds).toHaveLength(3);
    const { playClaimsArm } = failingIn(/round-[123]\//, 'a round is played twice');
    expect(await playClaimsArm(longer)).toEqual({ key, known: false });
    expect(facts(result(key))).toEqual(whole);
    const run = planArm(ground, 'v2', 1);
    expect(existsSync(path.join(dataFolder, `loops/${run.config.name}`))).toBe(false);
    expect(existsSync(path.join(dataFolder, stateFile(run.run)))).toBe(false);
  });

  it('a shorter arm does not take the models of a longer one that was begun before', async () => {
    const ground = { ...input, preregistration: withSmokeTier({ ...small.tiers.smoke, arms: ['v2', 'v2-to-600'] }) };
    const { key } = await activities().playClaimsArm({ ...ground, arm: 'v2', seed: 1 });
    const alone = facts(result(key));
    rmSync(path.join(dataFolder, 'claims'), { recursive: true });
    const killed = failingIn(/round-5/, 'killed');
    await expect(killed.playClaimsArm({ ...ground, arm: 'v2-to-600', seed: 1 })).rejects.toThrow('killed');
    await activities().playClaimsArm({ ...ground, arm: 'v2', seed: 1 });
    expect(facts(result(key))).toEqual(alone);
  });

  it('reports what is there, and says what is not', async () => {
    const { playClaimsArm, judgeClaims } = activities();
    for (const arm of ['v1', 'v2']) await playClaimsArm({ ...input, arm, seed: 1 });
    const { arms, seeds } = small.tiers.smoke;
    const report = await judgeClaims({ ...input, arms, seeds, probeSeeds: [] });
    expect(report).toMatchObject({ arms: { v1: 1, v2: 1, 'v2-with-tuning': 0 }, complete: false });
    expect(report.preregistrationSha256).toBe(configHash(small));
    const verdicts = new Map(report.claims.map((row) => [row.id, row.verdict]));
    expect(verdicts.get('average-score')).toBe('no effect');
    expect(verdicts.get('tuning')).toBe('not measured');
    const page = claimsPage(report, { command: 'npx ratchet claims', registration: 'own.json', runs: 'runs.jsonl' });
    expect(page).toContain('v2-with-tuning (0 done)');
    expect(page).toContain('Registered in `own.json`');
    expect(page).toContain('[runs.jsonl](runs.jsonl)');
    expect(forestPlot(report.claims)).toContain('Average score 70 → 85');
  });

  it('refuses other generators than the registered ones', async () => {
    const { checkClaimsGround } = activities();
    await checkClaimsGround(input);
    const other = { ...input, preregistration: { ...small, generatorSha256: '0' } };
    await expect(checkClaimsGround(other)).rejects.toThrow('generatorSha256 of the preregistration is 0');
  });
});
