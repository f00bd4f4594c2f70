import { Connection } from '@temporalio/client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { retryUntilClosed } from '../../../workers/request-retries.js';

const uncaught: unknown[] = [];
const note = (error: unknown) => uncaught.push(error);
let listeners: NodeJS.UncaughtExceptionListener[];

// Vitest listens too, and would report what this test looks for as its own failure.
beforeEach(() => {
  listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', note);
});
afterEach(() => {
  process.removeAllListeners('uncaughtException');
  for (const listener of listeners) process.on('uncaughtException', listener);
});

it('a request that waits to be tried again ends when its connection is closed', async () => {
  // Nobody listens there: the request is tried again after 100 ms.
  const connection = Connection.lazy({ address: '127.0.0.1:1', interceptors: retryUntilClosed });
  const request = connection.workflowService.getSystemInfo({}).catch((error: Error) => error);
  await new Promise((resolve) => setTimeout(resolve, 60));
  await connection.close();
  const cancelled = { code: 1, details: 'Channel has been shut down' };
  expect(await request).toMatchObject(cancelled);
  await expect(connection.workflowService.getSystemInfo({})).rejects.toMatchObject(cancelled);
  expect(uncaught).toEqual([]);
}, 10_000);
