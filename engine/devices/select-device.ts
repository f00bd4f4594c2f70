import { existsSync, readdirSync } from 'node:fs';
import { RatchetError } from '../../config/errors.js';
import { checkDevice } from './check-device.js';
import { DEVICES, GPU_DEVICES, type DeviceCheck, type DeviceName } from './device.js';

export interface DeviceRequest {
  /** A device by name, or `auto` (when left out). */
  device?: DeviceName | 'auto';
  /** True wants a GPU and fails without one, false forces the cpu; left out, `device` decides. */
  useGpu?: boolean;
  /** What happens without the GPU that was asked for: `error` (when left out), or the cpu. */
  withoutGpu?: 'error' | 'cpu';
}

export interface SelectedDevice {
  device: DeviceName;
  /** Why it was chosen, a sentence for people. */
  why: string;
  /** The devices that were looked at, in that order. */
  checks: DeviceCheck[];
}

/** `auto` takes a GPU only when its products are this much faster than the cpu's: software drivers are slower. */
const WORTHWHILE = 2;

/** How a machine is looked at; replaced in tests. */
export interface Machine {
  check(device: DeviceName): Promise<DeviceCheck>;
  /** Whether there may be a GPU: drivers complain on the terminal when they are loaded without one. */
  mayHaveGpu(): boolean;
}

const thisMachine: Machine = { check: (device) => checkDevice(device, 250), mayHaveGpu };

/**
 * The device to run on. A device asked for by name, or a GPU with `useGpu`, is taken or refused, never silently replaced;
 * `auto` takes the first GPU whose products are right and clearly faster than the cpu's, and the cpu otherwise.
 *
 * @throws RatchetError `E_NOT_FOUND` saying what was looked for and what is missing, `E_CONFIG_INVALID` for an unknown name
 *   or a request that contradicts itself
 */
export async function selectDevice(
  request: DeviceRequest = {},
  machine: Machine = thisMachine,
): Promise<SelectedDevice> {
  const { device = 'auto', useGpu, withoutGpu = 'error' } = request;
  if (device !== 'auto' && !DEVICES.includes(device))
    throw new RatchetError('E_CONFIG_INVALID', `There is no device "${String(device)}".`, {
      hint: `Use auto or one of ${DEVICES.join(', ')}.`,
    });
  const isGpu = (GPU_DEVICES as readonly string[]).includes(device);
  if (device !== 'auto' && useGpu !== undefined && useGpu !== isGpu)
    throw new RatchetError(
      'E_CONFIG_INVALID',
      `useGpu is ${useGpu}, but the device ${device} is ${isGpu ? 'a' : 'no'} GPU.`,
      {
        hint: 'Leave out one of the two.',
      },
    );
  if (device === 'cpu' || useGpu === false)
    return { device: 'cpu', why: device === 'cpu' ? 'cpu was asked for' : 'useGpu is false', checks: [] };
  if (device !== 'auto') return named(device, isGpu && withoutGpu === 'cpu', machine);
  return useGpu === true ? anyGpu(withoutGpu, machine) : automatic(machine);
}

async function named(device: DeviceName, mayFallBack: boolean, machine: Machine): Promise<SelectedDevice> {
  const check = await machine.check(device);
  if (check.available) return { device, why: `${device} was asked for: ${check.detail}`, checks: [check] };
  if (mayFallBack) return { device: 'cpu', why: `fell back to cpu: ${device}: ${check.detail}`, checks: [check] };
  throw new RatchetError('E_NOT_FOUND', `The device ${device} cannot be used: ${check.detail}.`, {
    hint: `${check.fix ?? ''} Or set device to auto or cpu.`.trim(),
  });
}

async function anyGpu(withoutGpu: 'error' | 'cpu', machine: Machine): Promise<SelectedDevice> {
  const checks: DeviceCheck[] = [];
  for (const device of GPU_DEVICES) {
    const check = await machine.check(device);
    checks.push(check);
    if (check.available) return { device, why: `useGpu is true, and ${device} works: ${check.detail}`, checks };
  }
  const missing = checks.map(({ device, detail }) => `${device}: ${detail}`).join('; ');
  if (withoutGpu === 'cpu') return { device: 'cpu', why: `fell back to cpu, no GPU can be used (${missing})`, checks };
  throw new RatchetError('E_NOT_FOUND', `useGpu is true, but no GPU can be used (${missing}).`, {
    hint: 'Run `ratchet doctor` to see what is missing, set useGpu to false, or allow the cpu with withoutGpu: "cpu".',
  });
}

async function automatic(machine: Machine): Promise<SelectedDevice> {
  if (!machine.mayHaveGpu()) return { device: 'cpu', why: 'auto: this machine has no GPU', checks: [] };
  const cpu = await machine.check('cpu');
  const checks = [cpu];
  const rejected: string[] = [];
  for (const device of GPU_DEVICES) {
    const check = await machine.check(device);
    checks.push(check);
    const speedUp = (check.gigaflops ?? 0) / (cpu.gigaflops ?? 1);
    if (check.available && speedUp >= WORTHWHILE)
      return { device, why: `auto: ${device} multiplies ${speedUp.toFixed(1)} times as fast as the cpu`, checks };
    rejected.push(`${device}: ${check.available ? `only ${speedUp.toFixed(1)} times the cpu's speed` : check.detail}`);
  }
  return { device: 'cpu', why: `auto: no GPU is worthwhile (${rejected.join('; ')})`, checks };
}

/** On Linux a GPU shows as a device file; elsewhere the drivers are asked. */
function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true;
  const render = existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
  return render || existsSync('/dev/nvidia0') || existsSync('/dev/dxg');
}
