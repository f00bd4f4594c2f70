/** One turn of a conversation. System messages come first. */
export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface CompletionRequest {
  messages: readonly Message[];
  /** Most tokens of the answer, ≥ 1. */
  maxTokens: number;
  /** 0 … 2; the model's own default when left out. */
  temperature?: number;
  /** Texts that end the answer; the answer does not contain them. */
  stop?: readonly string[];
  /** Ignored where {@link Provider.supportsSeed} is false. */
  seed?: number;
  /** Aborting rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** True where the provider did not say: the numbers are then upper bounds. */
  estimated: boolean;
}

/** Why an answer ended: by itself or a stop text, at `maxTokens`, or because the provider would not answer. */
export type StopReason = 'stop' | 'length' | 'refused';

export interface Completion {
  text: string;
  stopReason: StopReason;
  /** Of the attempt that answered. */
  usage: Usage;
  /** US dollars of the attempt that answered. */
  cost: number;
  provider: string;
  model: string;
  /** 1 + retries. */
  attempts: number;
}

/** A piece of the answer, or, last, the whole of it. */
export type StreamPart = { text: string } | { completion: Completion };

/** A language model that answers conversations, wherever it runs. */
export interface Provider {
  readonly name: string;
  readonly model: string;
  /** Whether equal seeds give equal answers. */
  readonly supportsSeed: boolean;
  /**
   * The answer; an attempt that fails in passing is repeated, one that was cut midway too.
   * @throws RatchetError `E_PROVIDER`, `E_BUDGET` (before anything is spent), `E_USAGE` on a malformed request
   */
  complete(request: CompletionRequest): Promise<Completion>;
  /** The same, piece by piece. Once a piece was handed out a fault is thrown, not retried. */
  stream(request: CompletionRequest): AsyncGenerator<StreamPart, void>;
}

/** What an attempt reports while it runs. Usage may come in parts, later values winning. */
export type BackendEvent =
  | { kind: 'text'; text: string }
  | { kind: 'usage'; inputTokens?: number | undefined; outputTokens?: number | undefined }
  | { kind: 'end'; stopReason: StopReason };

export interface Attempt {
  signal: AbortSignal;
  /** To be called once the connection stands. */
  connected(): void;
}

/** One protocol: makes a single attempt. Retries, limits and records are laid around it by `createProvider`. */
export interface Backend {
  readonly name: string;
  readonly model: string;
  readonly supportsSeed: boolean;
  /** Where requests go, for the record. */
  readonly address: string;
  /** Sent headers, for the record; secrets are redacted there. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body sent for a request, for the record. */
  bodyOf(request: CompletionRequest): unknown;
  /** Ends with an `end` event; throws {@link import('./fault.js').ProviderFault} on any fault. */
  attempt(request: CompletionRequest, attempt: Attempt): AsyncIterable<BackendEvent>;
}
