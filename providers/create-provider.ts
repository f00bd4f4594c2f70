import { RatchetError } from '../config/errors.js';
import { stream as randomStream } from '../config/random.js';
import { AttemptRunner, type AttemptPolicies } from './attempt-runner.js';
import { systemClock, pause } from './clock.js';
import { ProviderFault } from './fault.js';
import { Budget } from './policies/budget.js';
import { redactText } from './policies/redact.js';
import { checkRequest } from './request-bounds.js';
import type { Backend, CompletionRequest, Provider, StreamPart } from './provider.js';

export interface RetryPolicy {
  /** Attempts of a call, ≥ 1. */
  attempts: number;
  /** The n-th wait is uniform in 0 … min(longest, first · 2ⁿ⁻¹) milliseconds ("full jitter"). */
  firstMilliseconds: number;
  longestMilliseconds: number;
}

export interface Policies extends AttemptPolicies {
  retry: RetryPolicy;
  /** Of the jitter. */
  seed: number;
}

export const DEFAULT_POLICIES: Omit<Policies, 'budget'> = {
  retry: { attempts: 5, firstMilliseconds: 500, longestMilliseconds: 30_000 },
  timeouts: { connectMilliseconds: 10_000, firstTokenMilliseconds: 120_000, totalMilliseconds: 600_000 },
  limits: {},
  prices: { input: 0, output: 0 },
  secrets: [],
  seed: 1,
  clock: systemClock,
};

/**
 * A provider around a backend: each attempt sets its upper bound aside in the budget, waits for the rate limits, runs
 * under the timeouts and is recorded; passing faults are retried with full jitter (Brooker, "Exponential Backoff And
 * Jitter", AWS 2015), not earlier than `Retry-After`. A provider that asks to wait beyond the longest back-off, or
 * beyond the call's time, is not waited for.
 */
export function createProvider(backend: Backend, given: Partial<Policies> = {}): Provider {
  const policies: Policies = { ...DEFAULT_POLICIES, budget: new Budget(), ...given };
  const { retry, timeouts, secrets, seed, clock } = policies;
  const runner = new AttemptRunner(backend, policies);
  let calls = 0;

  async function* run(request: CompletionRequest, handOut: boolean): AsyncGenerator<StreamPart, void> {
    checkRequest(request);
    request.signal?.throwIfAborted();
    const call = ++calls;
    const jitter = randomStream(seed, 'providers', backend.name, backend.model, call);
    const total = new AbortController();
    const endsAt = clock.now() + timeouts.totalMilliseconds;
    const cancelTotal = clock.after(timeouts.totalMilliseconds, () =>
      total.abort(
        new ProviderFault(`no whole answer within ${timeouts.totalMilliseconds} ms`, {
          retryable: false,
          hint: 'Raise the total timeout, or ask for fewer tokens.',
        }),
      ),
    );
    const signal = AbortSignal.any([total.signal, ...(request.signal ? [request.signal] : [])]);
    try {
      for (let attempt = 1; ; attempt++) {
        let handedOut = false;
        try {
          const pieces = runner.run(request, { call, attempt }, signal);
          let next = await pieces.next();
          try {
            for (; next.done !== true; next = await pieces.next()) {
              if (!handOut) continue;
              handedOut = true;
              yield { text: next.value };
            }
          } finally {
            // The caller may have stopped listening: let the attempt close its connection and settle.
            if (next.done !== true) await pieces.return(undefined as never);
          }
          const { name: provider, model } = backend;
          cancelTotal();
          yield { completion: { ...next.value, provider, model, attempts: attempt } };
          return;
        } catch (error) {
          if (!(error instanceof ProviderFault)) throw error;
          const ceiling = Math.min(retry.longestMilliseconds, retry.firstMilliseconds * 2 ** (attempt - 1));
          const wait = Math.max(jitter.float() * ceiling, error.retryAfter ?? 0);
          const tooLong = wait > retry.longestMilliseconds || clock.now() + wait >= endsAt;
          if (handedOut || !error.retryable || attempt >= retry.attempts || tooLong) throw final(error, attempt);
          await pause(clock, wait, signal).catch((reason: unknown) => {
            throw reason instanceof ProviderFault ? final(reason, attempt) : reason;
          });
        }
      }
    } finally {
      cancelTotal();
    }
  }

  const final = (fault: ProviderFault, attempts: number) => {
    const tried = attempts === 1 ? '' : ` (after ${attempts} attempts)`;
    const message = `${backend.name} ${backend.model}: ${fault.message}${tried}`;
    const asked = fault.retryAfter === undefined ? '' : ` It asks to wait ${Math.ceil(fault.retryAfter / 1000)} s.`;
    return new RatchetError('E_PROVIDER', redactText(message, secrets), {
      hint: `${fault.hint}${asked}`,
      retryable: fault.retryable,
    });
  };

  return {
    name: backend.name,
    model: backend.model,
    supportsSeed: backend.supportsSeed,
    stream: (request) => run(request, true),
    async complete(request) {
      for await (const part of run(request, false)) if ('completion' in part) return part.completion;
      throw new RatchetError('E_INTERNAL', `${backend.name} ended without a completion`);
    },
  };
}
