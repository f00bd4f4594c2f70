import type { Clock } from './clock.js';
import { brokenAnswer, ProviderFault } from './fault.js';
import type { Budget, Spending } from './policies/budget.js';
import type { RecordCall } from './policies/call-recorder.js';
import { RateLimiter, type RateLimits } from './policies/rate-limiter.js';
import { redactText } from './policies/redact.js';
import { Deadline, type Timeouts } from './policies/timeouts.js';
import type { Backend, BackendEvent, Completion, CompletionRequest, StopReason, Usage } from './provider.js';
import { tokenBound, type TokenBound } from './request-bounds.js';

/** US dollars a million tokens. */
export interface Prices {
  input: number;
  output: number;
}

export interface AttemptPolicies {
  timeouts: Timeouts;
  limits: RateLimits;
  prices: Prices;
  budget: Budget;
  /** Keys that must appear in no message and no record. */
  secrets: readonly string[];
  record?: RecordCall;
  clock: Clock;
}

/** What an attempt has brought so far. */
class Answer {
  text = '';
  stopReason: StopReason | null = null;
  private inputTokens: number | undefined;
  private outputTokens: number | undefined;

  take(event: BackendEvent): void {
    if (event.kind === 'text') this.text += event.text;
    else if (event.kind === 'end') this.stopReason = event.stopReason;
    else {
      this.inputTokens = count(event.inputTokens) ?? this.inputTokens;
      this.outputTokens = count(event.outputTokens) ?? this.outputTokens;
    }
  }

  /** What the provider counted, or the bound where it did not say. */
  usage(bound: TokenBound): Usage {
    return {
      inputTokens: this.inputTokens ?? bound.inputTokens,
      outputTokens: this.outputTokens ?? bound.outputTokens,
      estimated: this.inputTokens === undefined || this.outputTokens === undefined,
    };
  }
}

/** What servers send is not to be trusted: a negative count would fill the budget up. */
const count = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;

const NOTHING: Usage = { inputTokens: 0, outputTokens: 0, estimated: false };

/** Single attempts of a backend under its budget, rate limits and timeouts, each recorded. */
export class AttemptRunner {
  private readonly limiter: RateLimiter;

  constructor(
    private readonly backend: Backend,
    private readonly policies: AttemptPolicies,
  ) {
    this.limiter = new RateLimiter(policies.limits, policies.clock);
  }

  /**
   * Yields the pieces of the answer and returns what it came to. An attempt that the server refused costs nothing; one
   * that broke off counts with all that it was allowed to take, as far as the server did not say.
   *
   * @throws ProviderFault, RatchetError `E_BUDGET`, the signal's reason
   */
  async *run(
    request: CompletionRequest,
    place: { call: number; attempt: number },
    signal: AbortSignal,
  ): AsyncGenerator<string, Pick<Completion, 'text' | 'stopReason' | 'usage' | 'cost'>> {
    const { budget, clock, timeouts, secrets } = this.policies;
    const bound = tokenBound(request);
    const reservation = budget.reserve(this.spending(bound));
    const deadline = new Deadline(clock, signal, timeouts);
    const answer = new Answer();
    let usage = NOTHING;
    let startedAt: number | null = null;
    let connected = false;
    let fault: string | null = 'abandoned by the caller';
    try {
      await this.limiter.acquire(this.spending(bound).tokens, signal);
      startedAt = clock.now();
      deadline.start();
      const onConnected = () => {
        connected = true;
        deadline.connected();
      };
      for await (const event of this.backend.attempt(request, { signal: deadline.signal, connected: onConnected })) {
        answer.take(event);
        if (event.kind !== 'text') continue;
        deadline.stop();
        yield event.text;
      }
      if (answer.stopReason === null) throw brokenAnswer('the answer did not end');
      fault = null;
    } catch (error) {
      if (error instanceof ProviderFault && error.status !== undefined) connected = false;
      fault = redactText(error instanceof Error ? error.message : String(error), secrets);
      throw error;
    } finally {
      deadline.stop();
      if (connected) usage = answer.usage(bound);
      reservation.settle(this.spending(usage));
      if (startedAt !== null) {
        this.limiter.correct(this.spending(bound).tokens, this.spending(usage).tokens);
        await this.record(request, place, startedAt, answer, connected ? usage : null, fault);
      }
    }
    return { text: answer.text, stopReason: answer.stopReason!, usage, cost: this.spending(usage).cost };
  }

  private spending({ inputTokens, outputTokens }: TokenBound): Spending {
    const { input, output } = this.policies.prices;
    return { tokens: inputTokens + outputTokens, cost: (inputTokens * input + outputTokens * output) / 1e6 };
  }

  private async record(
    request: CompletionRequest,
    place: { call: number; attempt: number },
    startedAt: number,
    { text, stopReason }: Answer,
    usage: Usage | null,
    fault: string | null,
  ): Promise<void> {
    const { name, model, address, headers } = this.backend;
    await this.policies.record?.({
      provider: name,
      model,
      ...place,
      startedAt: new Date(startedAt).toISOString(),
      milliseconds: this.policies.clock.now() - startedAt,
      request: { address, headers, body: this.backend.bodyOf(request) },
      text,
      stopReason,
      usage,
      cost: this.spending(usage ?? NOTHING).cost,
      fault,
    });
  }
}
