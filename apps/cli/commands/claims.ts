import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { Command, Option } from 'commander';
import { CLAIM_TIERS, Preregistration, type ClaimsReport } from '../../../config/claims.js';
import { RatchetError } from '../../../config/errors.js';
import { configHash } from '../../../config/hash.js';
import { connectClient } from '../../../workers/connection.js';
import { configuredAddress } from '../../../workers/server/locate.js';
import {
  claimsProgressQuery,
  claimsWorkflowId,
  type runClaims,
  type RunClaimsInput,
} from '../../../workflows/run-claims.js';
import { comebackCommand } from '../comeback.js';
import { outputOf, resolveConfig, wholeNumber, withCommonOptions, type CommonOptions } from '../command-context.js';
import { INTERRUPTED, onInterrupt, pause } from '../interrupt.js';
import { isNotFound, workflowSettings } from '../loop-client.js';
import type { Output } from '../output.js';
import { packageRoot } from '../package-root.js';
import { writeClaims } from '../render/claims-files.js';
import { claimLines } from '../render/claims.js';
import { startSupervised } from '../supervised.js';

interface ClaimsOptions extends CommonOptions {
  tier: string;
  seeds?: number;
  only?: string[];
  fresh?: boolean;
  prereg?: string;
  out?: string;
}

const POLL_MILLISECONDS = 1000;
/** In the package's folder. */
const REGISTERED = 'bench/claims/prereg.json';

/** `ratchet claims`: V1 beside V2 on the same streams, and what each claim of the documents is worth. */
export function claimsCommand(): Command {
  const command = new Command('claims')
    .option('--tier <name>', 'smoke (minutes) or cpu (hours, in parts)', 'smoke')
    .option('--seeds <number>', 'only the first seeds of the tier', wholeNumber('--seeds', 1))
    .option('--only <arms...>', 'only these arms, such as v1 v2')
    .option('--fresh', 'measure these arms and seeds again; without it, what was measured is kept')
    .option('--prereg <file>', 'claims, arms, seeds and budgets (default: bench/claims/prereg.json)')
    .option('--out <folder>', 'where claims.md, claims.json and claims.svg go (default: claims in the data folder)')
    // What happens anyway; earlier versions measured everything again without it.
    .addOption(new Option('--resume').hideHelp().conflicts('fresh'))
    .action(async (options: ClaimsOptions) => {
      process.exitCode = await measureClaims(options);
    });
  return withCommonOptions(command, [
    'claims --tier smoke                   measure, or go on where the last run was ended',
    'claims --tier cpu --only v1 v2 --seeds 3',
    'claims --tier cpu --out docs',
    'claims --only v2 --fresh              measure one arm again',
  ]);
}

async function measureClaims(options: ClaimsOptions): Promise<number> {
  const output = outputOf(options);
  const loaded = await resolveConfig(options);
  const { config, dataFolder } = loaded;
  const plan = await planRun(options);
  const interrupt = onInterrupt();
  const running = await startSupervised(loaded, output, { anyPort: true, leaving: interrupt.signal });
  const client = await connectClient(config, running.address);
  try {
    const input = { ...plan, settings: workflowSettings(config) };
    // Where another process runs everything, or may, its run is not ended.
    const isAlone = !running.attached && configuredAddress(config.connection.address) === null;
    if (options.fresh) await startOver(client, dataFolder, input, isAlone);
    const report = await Promise.race([
      follow(client, config.taskQueues.loop, input, isAlone, output, interrupt.signal),
      running.failed,
    ]);
    output.progress('');
    if (report === null) {
      output.line('Left; what is done is kept.');
      output.line(`Come back with: ${output.style.bold(comebackCommand(process.argv.slice(2)))}`);
      return INTERRUPTED;
    }
    const command = `npx ratchet ${process.argv.slice(2).join(' ')}`;
    const registration = options.prereg ?? REGISTERED;
    const folder = path.resolve(options.out ?? path.join(dataFolder, 'claims'));
    const page = await writeClaims(report, folder, { command, registration });
    output.object({ event: 'claims', ...report });
    for (const line of claimLines(report, output.style)) output.line(line);
    output.line();
    output.line(`Page: ${page}`);
    return 0;
  } finally {
    output.progress('');
    await client.connection.close();
    await running.stop();
    interrupt.dispose();
  }
}

async function planRun(options: ClaimsOptions): Promise<Omit<RunClaimsInput, 'settings'>> {
  const tier = CLAIM_TIERS.find((name) => name === options.tier);
  if (tier === undefined) throw usage('--tier', options.tier, CLAIM_TIERS);
  const preregistration = await readPreregistration(options.prereg);
  const budget = preregistration.tiers[tier];
  const unknown = options.only?.find((arm) => !budget.arms.includes(arm));
  if (unknown !== undefined) throw usage('--only', unknown, budget.arms);
  return {
    preregistration,
    tier,
    arms: options.only ?? budget.arms,
    seeds: budget.seeds.slice(0, options.seeds),
  };
}

async function readPreregistration(file?: string): Promise<Preregistration> {
  const source = file ?? path.join(packageRoot(), REGISTERED);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(source, 'utf8'));
  } catch (cause) {
    throw new RatchetError('E_CONFIG_INVALID', `${source} cannot be read as JSON: ${(cause as Error).message}`, {
      hint: `${REGISTERED} is an example.`,
      cause,
    });
  }
  const parsed = Preregistration.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new RatchetError('E_CONFIG_INVALID', `${source}: ${faults}`, {
    hint: `${REGISTERED} is an example.`,
  });
}

function usage(option: string, given: string, known: readonly string[]): RatchetError {
  return new RatchetError('E_USAGE', `${option} does not know "${given}".`, { hint: `Known: ${known.join(', ')}.` });
}

/**
 * Ends what an earlier command left, and removes what the asked arms and seeds came to. Throws E_LOCKED where the tier is
 * being measured and that may be for somebody else.
 */
async function startOver(client: Client, dataFolder: string, input: RunClaimsInput, isAlone: boolean): Promise<void> {
  if ((await runningPlan(client, input.tier)) !== null) {
    if (!isAlone)
      throw new RatchetError('E_LOCKED', `The claims of the tier ${input.tier} are being measured.`, {
        hint: 'Wait for them without --fresh, or use another folder with --data.',
      });
    await client.workflow.getHandle(claimsWorkflowId(input.tier)).terminate('started over');
  }
  const { forgetClaims } = await import('../../../workers/forget-claims.js');
  await forgetClaims(dataFolder, input);
}

/** Hash of the arms and seeds that the tier's running workflow plays; null when none runs. */
async function runningPlan(client: Client, tier: string): Promise<string | null> {
  try {
    const { status, memo } = await client.workflow.getHandle(claimsWorkflowId(tier)).describe();
    return status.name === 'RUNNING' ? String(memo?.['plan']) : null;
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/**
 * Starts the tier's workflow, or joins the one that runs, and waits for its report; null when left by Ctrl-C. One that an
 * earlier command left with other arms or seeds makes way: its results are kept.
 */
async function follow(
  client: Client,
  taskQueue: string,
  input: RunClaimsInput,
  isAlone: boolean,
  output: Output,
  signal: AbortSignal,
): Promise<ClaimsReport | null> {
  const plan = configHash(input);
  const isOther = isAlone && (await runningPlan(client, input.tier)) !== plan;
  const handle = await client.workflow.start<typeof runClaims>('runClaims', {
    taskQueue,
    workflowId: claimsWorkflowId(input.tier),
    args: [input],
    memo: { plan },
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: isOther ? 'TERMINATE_EXISTING' : 'USE_EXISTING',
  });
  const finished: { report: Promise<ClaimsReport>; done: boolean } = { report: handle.result(), done: false };
  finished.report.then(
    () => (finished.done = true),
    () => (finished.done = true),
  );
  while (!finished.done && !signal.aborted) {
    const progress = await handle.query(claimsProgressQuery).catch(() => null);
    if (progress?.current) {
      const { done, total, current } = progress;
      output.slowProgress(`  run ${done + 1} of ${total}: ${current.arm}, seed ${current.seed}`);
      output.object({ event: 'progress', ...progress });
    }
    await pause(POLL_MILLISECONDS, signal);
  }
  return signal.aborted ? null : finished.report;
}
