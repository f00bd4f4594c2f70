/**
 * A process that owns a store, for tests that kill it, lock it out or take its disk away.
 * Usage: `node --import tsx owner.ts COMMAND PATH [MIGRATIONS]`; every line on standard output is JSON.
 */
import { isRatchetError } from '../../../config/errors.js';
import { Store } from '../../../store/store.js';
import { event } from './rows.js';

const [, , command = '', path = '', migrations] = process.argv;

function say(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function lineFromParent(): Promise<void> {
  return new Promise((resolve) => process.stdin.once('data', () => resolve()));
}

const commands: Record<string, () => Promise<void>> = {
  /** Appends ten events a call, for ever. */
  async append() {
    const store = await Store.open(path);
    for (let call = 0; ; call += 1) {
      await store.appendFeedback(
        'main',
        Array.from({ length: 10 }, (_, index) => event(call * 10 + index)),
      );
      say({ committed: (call + 1) * 10 });
    }
  },
  async hold() {
    const store = await Store.open(path);
    say({ open: true });
    await lineFromParent();
    await store.close();
  },
  /** Ticks while a slow migration runs. */
  async migrate() {
    setInterval(() => say({ tick: true }), 50);
    await Store.open(path, { migrations: migrations ?? '' });
    say({ open: true });
    process.exit(0);
  },
  /** Opens as a user without any rights. */
  async openAsNobody() {
    process.setuid?.(65_534);
    await Store.open(path);
    say({ open: true });
  },
  /** Appends large events until the disk is full, waits for a line, and appends the refused ones again. */
  async fill() {
    const store = await Store.open(path);
    const call = (number: number) =>
      store.appendFeedback(
        'main',
        Array.from({ length: 20 }, (_, index) => event(number * 20 + index, { ai_output: noise(number * 20 + index) })),
      );
    let number = 0;
    try {
      for (; number < 1000; number += 1) await call(number);
    } catch (error) {
      if (!isRatchetError(error)) throw error;
      say({ code: error.code, message: error.message, committed: number * 20 });
    }
    await lineFromParent();
    await call(number);
    say({ committed: (number + 1) * 20 });
    await store.close();
    process.exit(0);
  },
};

/** 20,000 characters that do not compress. */
function noise(seed: number): string {
  let state = seed + 1;
  const words: string[] = [];
  for (let index = 0; index < 2500; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words.push(state.toString(16).padStart(8, '0'));
  }
  return words.join('');
}

try {
  await commands[command]?.();
} catch (error) {
  if (!isRatchetError(error)) throw error;
  say({ code: error.code, message: error.message, hint: error.hint });
  process.exit(1);
}
