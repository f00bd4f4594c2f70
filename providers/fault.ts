/** What went wrong in one attempt, before the policies decide whether to try again. */
export class ProviderFault extends Error {
  readonly retryable: boolean;
  readonly hint: string;
  /** HTTP status, where there is one. */
  readonly status: number | undefined;
  /** Milliseconds that the provider asked to wait. */
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    options: { retryable: boolean; hint: string; status?: number; retryAfter?: number; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ProviderFault';
    this.retryable = options.retryable;
    this.hint = options.hint;
    this.status = options.status;
    this.retryAfter = options.retryAfter;
  }
}

/** The stream broke its protocol or ended early. Another attempt may do better. */
export function brokenAnswer(message: string, cause?: unknown): ProviderFault {
  return new ProviderFault(message, {
    retryable: true,
    hint: 'If it keeps happening, look at the log of the server or of the proxy before it.',
    ...(cause === undefined ? {} : { cause }),
  });
}
