import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { openProvider, ProviderConfig } from '../../../providers/index.js';
import { Budget } from '../../../providers/policies/budget.js';
import { recordCallsTo } from '../../../providers/policies/call-recorder.js';
import { RateLimiter } from '../../../providers/policies/rate-limiter.js';
import { redact } from '../../../providers/policies/redact.js';
import { checkRequest, tokenBound } from '../../../providers/request-bounds.js';
import type { CompletionRequest } from '../../../providers/provider.js';
import { ManualClock } from '../../contract/manual-clock.js';

function assertRefused(ask: () => unknown): null {
  expect(ask).toThrow('left of its budget');
  return null;
}

describe('Budget', () => {
  it('never lets settled and reserved calls exceed a cap together', () => {
    const call = fc.record({ bound: fc.nat(60), used: fc.double({ min: 0, max: 1, noNaN: true }), late: fc.boolean() });
    fc.assert(
      fc.property(fc.array(call), (calls) => {
        const budget = new Budget({ maximumTokens: 100 });
        let open = 0;
        for (const { bound, used, late } of calls) {
          const room = 100 - budget.spent.tokens - open;
          const ask = () => budget.reserve({ tokens: bound, cost: 0 });
          const reservation = bound > room ? assertRefused(ask) : ask();
          if (reservation === null) continue;
          if (late) open += bound;
          else reservation.settle({ tokens: Math.floor(bound * used), cost: 0 });
          expect(budget.spent.tokens + open).toBeLessThanOrEqual(100);
        }
      }),
      { seed: 1 },
    );
  });

  it('settles a reservation once', () => {
    const budget = new Budget({ maximumTokens: 10 });
    const reservation = budget.reserve({ tokens: 10, cost: 0 });
    reservation.settle({ tokens: 4, cost: 0 });
    reservation.settle({ tokens: 4, cost: 0 });
    expect(budget.spent.tokens).toBe(4);
    expect(() => budget.reserve({ tokens: 7, cost: 0 })).toThrow('6 of 10 is left');
  });
});

describe('RateLimiter', () => {
  const never = new AbortController().signal;

  it('serves in the order of arrival, though a later call would fit', async () => {
    const limiter = new RateLimiter({ tokensPerMinute: 100 }, new ManualClock());
    const order: string[] = [];
    await Promise.all([
      limiter.acquire(90, never).then(() => order.push('first')),
      limiter.acquire(90, never).then(() => order.push('large')),
      limiter.acquire(5, never).then(() => order.push('small')),
    ]);
    expect(order).toEqual(['first', 'large', 'small']);
  });

  it('lets a call larger than a minute through a full bucket, at the cost of those after it', async () => {
    const clock = new ManualClock(Infinity);
    const limiter = new RateLimiter({ tokensPerMinute: 100 }, clock);
    await limiter.acquire(250, never);
    await limiter.acquire(100, never);
    expect(clock.waits).toEqual([150_000]);
  });

  it('lets go of a call that is aborted, wherever it waits, and serves the others', async () => {
    const clock = new ManualClock(0);
    const limiter = new RateLimiter({ requestsPerMinute: 1 }, clock);
    await limiter.acquire(0, never);
    const [head, queued] = [new AbortController(), new AbortController()];
    const waiting = limiter.acquire(0, head.signal);
    const behind = limiter.acquire(0, queued.signal);
    const last = limiter.acquire(0, never);
    queued.abort(new Error('queued'));
    await expect(behind).rejects.toThrow('queued');
    head.abort(new Error('head'));
    await expect(waiting).rejects.toThrow('head');
    await expect.poll(() => clock.armed(60_000)).toBe(1);
    clock.time += 60_000;
    clock.fire(60_000);
    await last;
  });
});

describe('redact', () => {
  const secrets = ['sk-abcdefgh', 'tiny'];
  it('replaces credentials by name, and keys wherever they stand', () => {
    expect(
      redact(
        {
          headers: { Authorization: 'Basic x', 'X-Api-Key': 'y', accept: 'json' },
          list: ['Bearer sk-abcdefgh!', 'tiny', 'a tiny word', 3, null],
          'sk-abcdefgh': true,
        },
        secrets,
      ),
    ).toEqual({
      headers: { Authorization: '[redacted]', 'X-Api-Key': '[redacted]', accept: 'json' },
      list: ['Bearer [redacted]!', '[redacted]', 'a tiny word', 3, null],
      '[redacted]': true,
    });
  });

  it('leaves no part of a key that contains another', () => {
    expect(redact('sk-abcdefgh-longer', ['sk-abcdefgh', 'sk-abcdefgh-longer'])).toBe('[redacted]');
    expect(redact('x sk-abcdefgh-longer', ['sk-abcdefgh', 'sk-abcdefgh-longer'])).toBe('x [redacted]');
  });
});

describe('recordCallsTo', () => {
  it('names the file that it cannot write', async () => {
    const record = recordCallsTo('/dev/null/calls.jsonl', []);
    await expect(record({} as never)).rejects.toMatchObject({ code: 'E_DATA_FOLDER' });
  });
});

describe('requests', () => {
  const request: CompletionRequest = { messages: [{ role: 'user', content: 'né 東' }], maxTokens: 5 };

  it('bounds tokens by bytes', () => {
    expect(tokenBound(request)).toEqual({ inputTokens: 7 + 32, outputTokens: 5 });
  });

  it.each<[string, Partial<CompletionRequest>]>([
    ['messages must hold a message of the user', { messages: [{ role: 'system', content: 'x' }] }],
    ['messages must end with a message of the user', { messages: [{ role: 'assistant', content: 'x' }] }],
    [
      'messages must have its system messages first',
      {
        messages: [
          { role: 'user', content: 'x' },
          { role: 'system', content: 'y' },
          { role: 'user', content: 'z' },
        ],
      },
    ],
    ['maxTokens is 0, not an integer ≥ 1', { maxTokens: 0 }],
    ['temperature is NaN, outside 0 … 2', { temperature: NaN }],
    ['stop has an empty text', { stop: ['a', ''] }],
    ['seed is -1, not an integer ≥ 0', { seed: -1 }],
  ])('refuses: %s', (message, change) => {
    expect(() => checkRequest({ ...request, ...change })).toThrow(`a request to a language model: ${message}`);
  });
});

describe('openProvider', () => {
  const config = { kind: 'anthropic' as const, baseUrl: 'https://127.0.0.1:1', model: 'm' };

  it('refuses a money cap without prices', () => {
    const capped = ProviderConfig.parse({ ...config, budget: { maximumCost: 1 } });
    expect(() => openProvider(capped)).toThrow('the provider m has a money cap but no prices');
  });

  it('names the variable that lacks the key', () => {
    const keyed = ProviderConfig.parse({ ...config, apiKeyVariable: 'SOME_KEY' });
    expect(() => openProvider(keyed, { environment: {} })).toThrow('the environment variable SOME_KEY is not set');
  });

  it('takes a key for no name of a variable', () => {
    expect(ProviderConfig.safeParse({ ...config, apiKeyVariable: 'sk-123' }).success).toBe(false);
    expect(ProviderConfig.safeParse({ ...config, apiKey: 'sk-123' }).success).toBe(false);
  });
});
