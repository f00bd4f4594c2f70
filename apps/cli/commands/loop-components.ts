import { RatchetError } from '../../../config/errors.js';
import { LoopConfig } from '../../../config/loop.js';
import { setComponentsUpdate } from '../../../workflows/messages.js';
import { requestedBy } from '../actor.js';
import { outputOf, resolveConfig, type CommonOptions } from '../command-context.js';
import { runningLoop, withRunning } from '../loop-client.js';

export interface SetOptions extends CommonOptions {
  name?: string;
  reason?: string;
}

/** `ratchet loop set curriculum=off augmentation=on`: switches components from the next round on. */
export async function setComponents(switches: string[], options: SetOptions): Promise<number> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveConfig(options, { overrides: { 'loop.name': options.name } });
  const components = parseSwitches(switches);
  const { name } = config.loop;
  return await withRunning(config, dataFolder, async ({ client }) => {
    const handle = await runningLoop(client, name);
    const request = { components, ...requestedBy(options.reason) };
    const fromRound = await handle.executeUpdate(setComponentsUpdate, { args: [request] });
    output.object({ event: 'set', name, components, fromRound });
    output.line(`The loop ${name} has ${switches.join(', ')} from round ${fromRound} on.`);
    return 0;
  });
}

/**
 * `name=on` and `name=off` as a map.
 * @throws RatchetError `E_USAGE` for a component that there is not, or a value that is neither
 */
export function parseSwitches(switches: readonly string[]): Partial<LoopConfig['components']> {
  const names = Object.keys(LoopConfig.parse({}).components);
  const entries = switches.map((text) => {
    const [name = '', value = ''] = text.split('=');
    if (names.includes(name) && (value === 'on' || value === 'off')) return [name, value === 'on'] as const;
    throw new RatchetError('E_USAGE', `"${text}" switches no component.`, {
      hint: `Write name=on or name=off with one of ${names.join(', ')}.`,
    });
  });
  return Object.fromEntries(entries);
}
