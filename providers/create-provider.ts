import { RatchetError } from '../config/errors.js';
import { stream as randomStream } from '../config/random.js';
import { systemClock, pause, type Clock } from './clock.js';
import { brokenAnswer, ProviderFault } from './fault.js';
import { Budget } from './policies/budget.js';
import type { RecordCall } from './policies/call-recorder.js';
import { RateLimiter, type RateLimits } from './policies/rate-limiter.js';
import { redactText } from './policies/redact.js';
import { Deadline, type Timeouts } from './policies/timeouts.js';
import { checkRequest, tokenBound } from './request-bounds.js';
import type { Backend, Completion, CompletionRequest, Provider, StopReason, StreamPart, Usage } from './provider.js';

/** US dollars a million tokens. */
export interface Prices {
  input: number;
  output: number;
}

export interface RetryPolicy {
  /** Attempts of a call, ≥ 1. */
  attempts: number;
  /** The n-th wait is uniform in 0 … min(longest, first · 2ⁿ⁻¹) milliseconds ("full jitter"). */
  firstMilliseconds: number;
  longestMilliseconds: number;
}

export interface Policies {
  retry: RetryPolicy;
  timeouts: Timeouts;
  limits: RateLimits;
  prices: Prices;
  budget: Budget;
  /** Keys that must appear in no message and no record. */
  secrets: readonly string[];
  record?: RecordCall;
  /** Of the jitter. */
  seed: number;
  clock: Clock;
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

/** What one attempt brought. */
interface Outcome {
  text: string;
  usage: { inputTokens: number | undefined; outputTokens: number | undefined };
  stopReason: StopReason | null;
}

/**
 * A provider around a backend: each attempt sets its upper bound aside in the budget, waits for the rate limits, runs
 * under the timeouts and is recorded; passing faults are retried with full jitter (Brooker, "Exponential Backoff And
 * Jitter", AWS 2015), not earlier than `Retry-After`. A provider that asks to wait beyond the longest back-off, or
 * beyond the call's time, is not waited for.
 */
export function createProvider(backend: Backend, given: Partial<Policies> = {}): Provider {
  const policies: Policies = { ...DEFAULT_POLICIES, budget: new Budget(), ...given };
  const { retry, timeouts, prices, budget, secrets, record, seed, clock } = policies;
  const limiter = new RateLimiter(policies.limits, clock);
  let calls = 0;

  const costOf = (usage: { inputTokens: number; outputTokens: number }) =>
    (usage.inputTokens * prices.input + usage.outputTokens * prices.output) / 1e6;

  async function* attemptOnce(
    request: CompletionRequest,
    place: { call: number; attempt: number },
    signal: AbortSignal,
  ): AsyncGenerator<string, Outcome & { charged: Usage; cost: number }> {
    const bound = tokenBound(request);
    const reservation = budget.reserve({ tokens: bound.inputTokens + bound.outputTokens, cost: costOf(bound) });
    const boundTokens = bound.inputTokens + bound.outputTokens;
    let charged: Usage = { inputTokens: 0, outputTokens: 0, estimated: false };
    const outcome: Outcome = {
      text: '',
      usage: { inputTokens: undefined, outputTokens: undefined },
      stopReason: null,
    };
    let held = false;
    let answering = false;
    let fault: string | null = 'abandoned by the caller';
    let startedAt = clock.now();
    const deadline = new Deadline(clock, signal, timeouts);
    try {
      await limiter.acquire(boundTokens, signal);
      held = true;
      startedAt = clock.now();
      deadline.start();
      for await (const event of backend.attempt(request, {
        signal: deadline.signal,
        connected: () => {
          answering = true;
          deadline.connected();
        },
      })) {
        if (event.kind === 'text') {
          deadline.stop();
          outcome.text += event.text;
          yield event.text;
        } else if (event.kind === 'usage') {
          outcome.usage.inputTokens = event.inputTokens ?? outcome.usage.inputTokens;
          outcome.usage.outputTokens = event.outputTokens ?? outcome.usage.outputTokens;
        } else outcome.stopReason = event.stopReason;
      }
      if (outcome.stopReason === null) throw brokenAnswer('the answer did not end');
      fault = null;
    } catch (error) {
      // A refusal costs nothing; an answer that broke off may have cost all that it was allowed to.
      if (error instanceof ProviderFault && error.status !== undefined) answering = false;
      fault = redactText(error instanceof Error ? error.message : String(error), secrets);
      throw error;
    } finally {
      deadline.stop();
      if (answering) charged = chargedFor(outcome, bound);
      const cost = costOf(charged);
      reservation.settle({ tokens: charged.inputTokens + charged.outputTokens, cost });
      if (held) {
        limiter.correct(boundTokens, charged.inputTokens + charged.outputTokens);
        await record?.({
          provider: backend.name,
          model: backend.model,
          ...place,
          startedAt: new Date(startedAt).toISOString(),
          milliseconds: clock.now() - startedAt,
          request: { address: backend.address, headers: backend.headers, body: backend.bodyOf(request) },
          text: outcome.text,
          stopReason: outcome.stopReason,
          usage: answering ? charged : null,
          cost,
          fault,
        });
      }
    }
    return { ...outcome, charged, cost: costOf(charged) };
  }

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
          const pieces = attemptOnce(request, { call, attempt }, signal);
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
          const { text, stopReason, charged, cost } = next.value;
          const { name: provider, model } = backend;
          const completion: Completion = {
            text,
            stopReason: stopReason!,
            usage: charged,
            cost,
            provider,
            model,
            attempts: attempt,
          };
          cancelTotal();
          yield { completion };
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

/** What the provider counted, or the bound where it did not say. */
function chargedFor({ usage }: Outcome, bound: { inputTokens: number; outputTokens: number }): Usage {
  return {
    inputTokens: usage.inputTokens ?? bound.inputTokens,
    outputTokens: usage.outputTokens ?? bound.outputTokens,
    estimated: usage.inputTokens === undefined || usage.outputTokens === undefined,
  };
}
