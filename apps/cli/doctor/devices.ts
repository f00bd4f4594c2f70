import { checkDevices } from '../../../workers/check-devices.js';
import { check, type Check } from './check.js';

/**
 * The devices beside the cpu, each by about a second of products, and which one `auto` takes and why. None of them is needed;
 * what is missing for one is its fix.
 */
export async function checkComputeDevices(): Promise<Check[]> {
  try {
    const { chosen, checks } = await checkDevices();
    return [
      check('device', 'ok', `auto takes ${chosen.device} (${chosen.why.replace(/^auto: /, '')})`),
      ...checks.map(({ device, available, detail, fix }) =>
        check(device, available ? 'ok' : 'optional', detail, available ? null : fix),
      ),
    ];
  } catch (error) {
    return [
      check(
        'device',
        'warn',
        (error as Error).message,
        'Training runs on the cpu; update or remove the driver it names.',
      ),
    ];
  }
}
