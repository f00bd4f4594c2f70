import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../dist/bench/simulate.js', import.meta.url));
const DAYS = 30;
const OPTIONS = ['--loops', '100', '--events', '10000', '--gpus', '1', '--days', String(DAYS)];

type Figures = Record<'crowd' | 'year', Record<string, number>>;

async function simulate(): Promise<Figures> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, '--json', ...OPTIONS]);
  return JSON.parse(stdout, (name, value: unknown) => (name === 'seconds' ? undefined : value)) as Figures;
}

it('W3: simulated loops store each event once, give it to one round, starve nobody and keep histories short', async () => {
  const { crowd, year } = await simulate();
  expect(crowd).toMatchObject({ sent: 11_000, distinct: 10_000, stored: 10_000, wronglyTaken: 0, leftOver: 0 });
  expect(crowd['rounds']).toBeGreaterThan(100);
  expect(crowd['lostAttempts']).toBeGreaterThan(0);
  // A signal that was lost costs ten minutes; the rest is the queue for the device.
  expect(crowd['longestWaitSeconds']).toBeLessThan(1_200);
  expect(crowd['longestHistory']).toBeLessThan(4_200);

  expect(year['checksDue']).toBe(DAYS * (24 + 24 + 96 + 4 + 480 + 1));
  expect(year['checksSkipped']).toBeGreaterThan(0);
  expect(year['roundsBegun']).toBeGreaterThan(500);
  expect(year).toMatchObject({ inQuietHours: 0, tooManyADay: 0 });
  expect(year['longestHistory']).toBeLessThan(4_200);

  expect(await simulate()).toEqual({ crowd, year });
});
