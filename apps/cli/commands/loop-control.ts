import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { RatchetError } from '../../../config/errors.js';
import type { RatchetConfig } from '../../../config/schema.js';
import { roundWorkflowId } from '../../../workflows/identifiers.js';
import { decidePromotionUpdate, progressQuery, statusQuery, steerUpdate } from '../../../workflows/messages.js';
import type { SteerOutcome, SteerRequest } from '../../../workflows/messages.js';
import { requestedBy } from '../actor.js';
import { outputOf, resolveConfig, wholeNumber, withCommonOptions, type CommonOptions } from '../command-context.js';
import { isNotFound, runningLoop, withRunning, withStore } from '../loop-client.js';
import type { Output } from '../output.js';
import { auditLines } from '../render/audit.js';

interface ControlOptions extends CommonOptions {
  name?: string;
  reason?: string;
  why?: string;
}

interface Surroundings {
  client: Client;
  config: RatchetConfig;
  output: Output;
  /** The loop. */
  name: string;
}

/** Adds `loop reset|rollback|approve|deny|audit`. */
export function addLoopControl(loop: Command): void {
  const add = (action: string, description: string, examples: string[]) => {
    const command = loop
      .command(action)
      .description(description)
      .argument('[name]', 'name of the loop (default: loop.name of the configuration, main)')
      .option('--name <name>', 'the same');
    withCommonOptions(command, examples);
    return command;
  };
  const reasoned = (command: Command) =>
    command.option('--reason <text>', 'why; kept in the audit trail').option('--why <text>', 'the same');

  reasoned(add('reset', 'Go back to the state after an earlier round; later rounds are kept, and marked', RESET))
    .requiredOption('--to-round <number>', 'the last round that still counts; 0 for none', wholeNumber('--to-round', 0))
    .action((given: string | undefined, options: ControlOptions & { toRound: number }) =>
      act(given, options, (around) => steer(around, options, { kind: 'reset', round: options.toRound })),
    );
  reasoned(add('rollback', 'Make an earlier model the champion again, from the next round on', ROLLBACK))
    .requiredOption('--to <version>', 'model version, such as main-round-3, or base for the base model')
    .action((given: string | undefined, options: ControlOptions & { to: string }) =>
      act(given, options, (around) => steer(around, options, { kind: 'rollback', model: options.to })),
    );
  for (const approve of [true, false]) {
    const [action, description] = approve
      ? (['approve', 'Let the model that waits for approval become champion'] as const)
      : (['deny', 'Keep the champion instead of the model that waits for approval'] as const);
    const examples = [`loop ${action}`, `loop ${action} support --why "checked twenty answers"`];
    reasoned(add(action, description, examples)).action((given: string | undefined, options: ControlOptions) =>
      act(given, options, (around) => decide(around, options, approve)),
    );
  }
  add('audit', 'Show who did what to a loop, when and why', ['loop audit', 'loop audit support --limit 500 --json'])
    .option('--limit <number>', 'newest entries that are shown (default: 50)', wholeNumber('--limit', 1))
    .action(showAudit);
}

const RESET = ['loop reset --to-round 3', 'loop reset support --to-round 0 --reason "wrong labels were imported"'];
const ROLLBACK = ['loop rollback --to main-round-3', 'loop rollback support --to base --reason "users complain"'];

async function act(
  given: string | undefined,
  options: ControlOptions,
  work: (around: Surroundings) => Promise<void>,
): Promise<void> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveConfig(options, { overrides: { 'loop.name': given ?? options.name } });
  const { name } = config.loop;
  await withRunning(config, dataFolder, ({ client }) => work({ client, config, output, name }));
}

const byMe = ({ reason, why }: ControlOptions) => ({ id: randomUUID(), ...requestedBy(reason ?? why) });

async function steer(
  { client, output, name }: Surroundings,
  options: ControlOptions,
  destination: SteerRequest['destination'],
): Promise<void> {
  const handle = await runningLoop(client, name);
  const request = { ...byMe(options), destination };
  const outcome: SteerOutcome = await handle.executeUpdate(steerUpdate, { args: [request], updateId: request.id });
  output.object({ event: destination.kind, name, ...outcome });
  const { superseded, nextRound, champion } = outcome;
  output.line(`The champion of the loop ${name} is ${champion ?? 'the base model'}; round ${nextRound} is next.`);
  if (superseded.length > 0) output.line(`No longer counted, but kept: round ${superseded.join(', ')}.`);
}

async function decide(
  { client, output, name }: Surroundings,
  options: ControlOptions,
  approve: boolean,
): Promise<void> {
  const { round } = await (await runningLoop(client, name)).query(statusQuery);
  const handle = client.workflow.getHandle(roundWorkflowId(name, round));
  const waiting = await handle.query(progressQuery).catch((error: unknown) => {
    if (isNotFound(error)) return null;
    throw error;
  });
  if (waiting?.approval === undefined)
    throw new RatchetError('E_NOT_FOUND', `No model of the loop ${name} waits for approval.`, {
      hint: '`npx ratchet loop status` shows one that does; loop.tracking.approval asks for approvals.',
    });
  const decision = { ...byMe(options), approve };
  const model = await handle.executeUpdate(decidePromotionUpdate, { args: [decision], updateId: decision.id });
  output.object({ event: approve ? 'approve' : 'deny', name, round, model });
  output.line(`${model} ${approve ? 'becomes' : 'does not become'} the champion of the loop ${name}.`);
}

async function showAudit(given: string | undefined, options: ControlOptions & { limit?: number }): Promise<void> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveConfig(options, { overrides: { 'loop.name': given ?? options.name } });
  const { name } = config.loop;
  const entries = await withStore(config, dataFolder, (store) => store.audit(name, options.limit ?? 50));
  for (const entry of entries) output.object({ event: 'audit', ...entry });
  for (const line of auditLines(name, entries, output.style)) output.line(line);
}
