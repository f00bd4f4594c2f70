import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { Command } from 'commander';
import { CLAIM_TIERS, Preregistration, type ClaimsReport } from '../../../config/claims.js';
import { RatchetError } from '../../../config/errors.js';
import { connectClient } from '../../../workers/connection.js';
import {
  claimsProgressQuery,
  claimsWorkflowId,
  type runClaims,
  type RunClaimsInput,
} from '../../../workflows/run-claims.js';
import { outputOf, resolveConfig, wholeNumber, withCommonOptions, type CommonOptions } from '../command-context.js';
import { INTERRUPTED, onInterrupt, pause } from '../interrupt.js';
import { workflowSettings } from '../loop-client.js';
import type { Output } from '../output.js';
import { packageRoot } from '../package-root.js';
import { writeClaims } from '../render/claims-files.js';
import { claimLines } from '../render/claims.js';
import { startSupervised } from '../supervised.js';

interface ClaimsOptions extends CommonOptions {
  tier: string;
  seeds?: number;
  only?: string[];
  resume?: boolean;
  prereg?: string;
  out?: string;
}

const POLL_MILLISECONDS = 1000;

/** `ratchet claims`: V1 beside V2 on the same streams, and what each claim of the documents is worth. */
export function claimsCommand(): Command {
  const command = new Command('claims')
    .option('--tier <name>', 'smoke (minutes) or cpu (hours, in parts)', 'smoke')
    .option('--seeds <number>', 'only the first seeds of the tier', wholeNumber('--seeds', 1))
    .option('--only <arms...>', 'only these arms, such as v1 v2')
    .option('--resume', 'keep the results of former runs and go on; without it they are measured again')
    .option('--prereg <file>', 'claims, arms, seeds and budgets (default: bench/claims/prereg.json)')
    .option('--out <folder>', 'where claims.md, claims.json and claims.svg go (default: claims in the data folder)')
    .action(async (options: ClaimsOptions) => {
      process.exitCode = await measureClaims(options);
    });
  return withCommonOptions(command, [
    'claims --tier smoke',
    'claims --tier cpu --resume            go on where the last run was ended',
    'claims --tier cpu --resume --only v1 v2 --seeds 3',
    'claims --tier cpu --resume --out docs',
  ]);
}

async function measureClaims(options: ClaimsOptions): Promise<number> {
  const output = outputOf(options);
  const loaded = await resolveConfig(options);
  const { config, dataFolder } = loaded;
  const plan = await planRun(options);
  if (!options.resume) await rm(path.join(dataFolder, 'claims'), { recursive: true, force: true });
  const interrupt = onInterrupt();
  const running = await startSupervised(loaded, output, { anyPort: true, leaving: interrupt.signal });
  const client = await connectClient(config, running.address);
  try {
    const input = { ...plan, settings: workflowSettings(config) };
    const report = await Promise.race([
      follow(client, config.taskQueues.loop, input, options.resume ?? false, output, interrupt.signal),
      running.failed,
    ]);
    output.progress('');
    if (report === null) {
      output.line('Left. What is done is kept; go on with --resume.');
      return INTERRUPTED;
    }
    const command = `npx ratchet ${process.argv.slice(2).join(' ')}`;
    const page = await writeClaims(report, path.resolve(options.out ?? path.join(dataFolder, 'claims')), command);
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
  const source = file ?? path.join(packageRoot(), 'bench', 'claims', 'prereg.json');
  let value: unknown;
  try {
    value = JSON.parse(await readFile(source, 'utf8'));
  } catch (cause) {
    throw new RatchetError('E_CONFIG_INVALID', `${source} cannot be read as JSON: ${(cause as Error).message}`, {
      hint: 'bench/claims/prereg.json is an example.',
      cause,
    });
  }
  const parsed = Preregistration.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new RatchetError('E_CONFIG_INVALID', `${source}: ${faults}`, {
    hint: 'bench/claims/prereg.json is an example.',
  });
}

function usage(option: string, given: string, known: readonly string[]): RatchetError {
  return new RatchetError('E_USAGE', `${option} does not know "${given}".`, { hint: `Known: ${known.join(', ')}.` });
}

/** Starts the tier's workflow, or joins the one that runs, and waits for its report; null when left by Ctrl-C. */
async function follow(
  client: Client,
  taskQueue: string,
  input: RunClaimsInput,
  resume: boolean,
  output: Output,
  signal: AbortSignal,
): Promise<ClaimsReport | null> {
  const handle = await client.workflow.start<typeof runClaims>('runClaims', {
    taskQueue,
    workflowId: claimsWorkflowId(input.tier),
    args: [input],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: resume ? 'USE_EXISTING' : 'TERMINATE_EXISTING',
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
