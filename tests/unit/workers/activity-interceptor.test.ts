import { heartbeat, Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { RatchetError } from '../../../config/errors.js';
import { interceptActivity, toFailure } from '../../../workers/activity-interceptor.js';

describe('failures of activities', () => {
  it('W1: a Ratchet error becomes a failure whose type is its code', () => {
    const failure = toFailure(new RatchetError('E_DATA_INVALID', 'line 3 is no JSON', { hint: 'Mend line 3.' }));
    expect(failure).toMatchObject({
      type: 'E_DATA_INVALID',
      message: 'line 3 is no JSON',
      nonRetryable: true,
      details: [{ hint: 'Mend line 3.' }],
    });
    expect(toFailure(new RatchetError('E_STORE', 'busy'))).toMatchObject({ type: 'E_STORE', nonRetryable: false });
  });

  it('W1: a fault of the program is not tried again, a fault of the machine is', () => {
    expect(toFailure(new TypeError('x is not a function'))).toMatchObject({ type: 'E_INTERNAL', nonRetryable: true });
    expect(toFailure(new Error('native crash'))).toMatchObject({ type: 'E_INTERNAL', nonRetryable: false });
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    expect(toFailure(full)).toMatchObject({ type: 'E_DISK_FULL', nonRetryable: false });
  });

  it('W1: memory that V8 does not find is no fault of the program', () => {
    let found: unknown;
    try {
      found = new ArrayBuffer(2 ** 52);
    } catch (error) {
      found = toFailure(error);
    }
    expect(found).toMatchObject({ type: 'E_OUT_OF_MEMORY', nonRetryable: true });
  });

  it('passes cancellation and failures of Temporal unchanged', () => {
    for (const error of [new CancelledFailure('stop'), ApplicationFailure.create({ type: 'E_X' })])
      expect(toFailure(error)).toBe(error);
  });
});

describe('heartbeats of activities', () => {
  it('W2: go on while the activity waits, with the details of its own last one', async () => {
    const environment = new MockActivityEnvironment({ heartbeatTimeoutMs: 10_000 });
    const sent: unknown[] = [];
    environment.on('heartbeat', (details: unknown) => sent.push(details));
    await environment.run(async () => {
      const { inbound } = interceptActivity(5)(Context.current());
      await inbound?.execute?.({ args: [], headers: {} }, async () => {
        heartbeat({ step: 7 });
        while (sent.length < 4) await new Promise((resolve) => setTimeout(resolve, 1));
      });
    });
    const afterwards = sent.length;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(sent.slice(0, 4)).toEqual([{ step: 7 }, { step: 7 }, { step: 7 }, { step: 7 }]);
    expect(sent.length).toBe(afterwards);
  });
});
