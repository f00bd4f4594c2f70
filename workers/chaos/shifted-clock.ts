/**
 * Loaded before anything else (`node --import`) into the processes of a run whose clock jumps: `Date` is ahead of, or
 * behind, the machine's clock by the milliseconds that the file `CHAOS_CLOCK_FILE` holds, from the moment it appears.
 * The machine's own clock stays, and with it that of the server.
 */
import { readFileSync } from 'node:fs';

const CHECK_MILLISECONDS = 100;

const file = process.env['CHAOS_CLOCK_FILE'];
if (file !== undefined) {
  const RealDate = Date;
  let shift = readShift(file);
  setInterval(() => (shift = readShift(file)), CHECK_MILLISECONDS).unref();
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, newTarget) =>
      Reflect.construct(target, given.length === 0 ? [RealDate.now() + shift] : given, newTarget) as object,
    apply: () => new RealDate(RealDate.now() + shift).toString(),
    get: (target, key, receiver) =>
      key === 'now' ? () => RealDate.now() + shift : (Reflect.get(target, key, receiver) as unknown),
  });
}

function readShift(from: string): number {
  try {
    return Number(readFileSync(from, 'utf8'));
  } catch {
    return 0;
  }
}
