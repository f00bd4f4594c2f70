import { checkDevice, DEVICES, selectDevice, type DeviceCheck, type DeviceName } from '../engine/devices/index.js';

/** Process of {@link checkDevices}: tries the devices named on its command line and prints what it found as one line. */
const named = process.argv.slice(2) as DeviceName[];
const tried = named.length > 0 ? named : DEVICES.filter((device) => device !== 'cpu');
const checks: DeviceCheck[] = [];
for (const device of tried) {
  // oxlint-disable-next-line no-await-in-loop -- devices are measured one after the other
  checks.push(await checkDevice(device));
}
const { device, why } = await selectDevice({ device: 'auto' });
process.stdout.write(`\n${JSON.stringify({ chosen: { device, why }, checks })}\n`, () => process.exit(0));
