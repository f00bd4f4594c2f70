import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../dist/bench/simulate.js', import.meta.url));

async function simulate(...args: string[]): Promise<Record<'crowd' | 'year', Record<string, number>>> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, '--json', ...args]);
  return JSON.parse(stdout) as Record<'crowd' | 'year', Record<string, number>>;
}
const withoutSeconds = ({ seconds: _, ...figures }: Record<string, number>) => figures;

it('W3: many simulated loops store each event once, give it to one round, starve nobody and keep histories short', async () => {
  const options = ['--loops', '200', '--events', '20000', '--gpus', '1', '--days', '100'];
  const { crowd, year } = await simulate(...options);
  expect(crowd).toMatchObject({ sent: 22_000, distinct: 20_000, stored: 20_000, wronglyTaken: 0, leftOver: 0 });
  expect(crowd['rounds']).toBeGreaterThan(200);
  expect(crowd['lostAttempts']).toBeGreaterThan(0);
  expect(crowd['longestHistory']).toBeLessThan(5_000);
  // One device is busy for hours: everybody waits, but nobody many times as long as others.
  expect(crowd['longestWaitSeconds']).toBeLessThan(3 * crowd['medianWaitSeconds']! + 3_600);

  expect(year['checksDue']).toBe(100 * (24 + 24 + 96 + 4 + 1440 + 1) - 5);
  expect(year['checksSkipped']).toBeGreaterThan(0);
  expect(year['roundsBegun']).toBeGreaterThan(1_000);
  expect(year).toMatchObject({ inQuietHours: 0, tooManyADay: 0 });
  expect(year['longestHistory']).toBeLessThan(5_000);

  const again = await simulate(...options);
  expect(withoutSeconds(again.crowd)).toEqual(withoutSeconds(crowd));
  expect(withoutSeconds(again.year)).toEqual(withoutSeconds(year));
});
