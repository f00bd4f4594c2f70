import { expect, it } from 'vitest';
import { probeComponents } from '../../../activities/claims/probe-components.js';

it('R15: V1 takes planted boilerplate for good labels, V2 finds nearly all of it and little else', async () => {
  const { gates, goodKept, values } = await probeComponents(1);
  expect(gates.map(({ planted }) => planted)).toEqual([0.05, 0.2, 0.4]);
  for (const { v1, v2 } of gates) {
    expect(v1).toEqual({ precision: null, recall: 0 });
    expect(v2.precision).toBeGreaterThan(0.9);
    expect(v2.recall).toBeGreaterThan(0.7);
  }
  expect(goodKept.v1).toBe(1);
  expect(values.genericShare!.v1).toBeGreaterThan(0.1);
});
