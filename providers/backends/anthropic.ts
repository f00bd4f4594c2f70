import { brokenAnswer, ProviderFault } from '../fault.js';
import { parseObject } from '../http/lines.js';
import { messageOf } from '../http/post.js';
import { serverSentEvents } from '../http/server-sent-events.js';
import type { Backend, CompletionRequest, StopReason } from '../provider.js';
import { httpBackend, type HttpBackendOptions } from './http-backend.js';

const VERSION = '2023-06-01';

/**
 * `POST /v1/messages` with server-sent events. System messages become the `system` field; there is no seed. Source:
 * Anthropic's API reference, "Messages" and "Streaming messages".
 */
export function anthropicBackend(options: HttpBackendOptions): Backend {
  const { model, key } = options;
  const bodyOf = ({ messages, maxTokens, temperature, stop }: CompletionRequest) => {
    const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content);
    return {
      model,
      max_tokens: maxTokens,
      ...(system.length > 0 && { system: system.join('\n\n') }),
      messages: messages.filter(({ role }) => role !== 'system'),
      // The protocol's range ends at 1.
      temperature: temperature === undefined ? undefined : Math.min(1, temperature),
      stop_sequences: stop,
      stream: true,
    };
  };
  return httpBackend(options, {
    name: 'anthropic',
    supportsSeed: false,
    path: '/v1/messages',
    accept: 'text/event-stream',
    headers: { 'anthropic-version': VERSION, ...(key !== undefined && { 'x-api-key': key }) },
    bodyOf,
    async *read(chunks) {
      let stopReason: StopReason | null = null;
      for await (const { data } of serverSentEvents(chunks)) {
        const part = parseObject(data) as MessagePart;
        if (part.type === 'error') throw reported(part, data);
        if (part.type === 'message_start') yield { kind: 'usage', inputTokens: inputTokens(part.message?.usage) };
        if (part.type === 'content_block_delta' && part.delta?.type === 'text_delta') {
          if (typeof part.delta.text !== 'string') throw brokenAnswer('the answer has a text_delta without text');
          yield { kind: 'text', text: part.delta.text };
        }
        if (part.type === 'message_delta') {
          yield { kind: 'usage', outputTokens: part.usage?.output_tokens };
          if (part.delta?.stop_reason != null) stopReason = STOP_REASONS[String(part.delta.stop_reason)] ?? 'stop';
        }
        if (part.type === 'message_stop') {
          if (stopReason === null) throw brokenAnswer('the answer ended without a stop_reason');
          yield { kind: 'end', stopReason };
          return;
        }
      }
      throw brokenAnswer('the answer ended before message_stop');
    },
  });
}

const STOP_REASONS: Record<string, StopReason> = { max_tokens: 'length', refusal: 'refused' };

/** Errors that come after the stream has begun and pass by themselves. */
const PASSING: ReadonlySet<unknown> = new Set(['overloaded_error', 'rate_limit_error', 'api_error', 'timeout_error']);

function reported(part: MessagePart, data: string): ProviderFault {
  return new ProviderFault(`the server reports: ${messageOf(data)}`, {
    retryable: PASSING.has(part.error?.type),
    hint: 'See the list of errors in the documentation of the API.',
  });
}

/** Cached input is counted apart from the rest. */
function inputTokens(usage: InputUsage | undefined): number | undefined {
  if (usage?.input_tokens === undefined) return undefined;
  return usage.input_tokens + (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0);
}

interface InputUsage {
  input_tokens?: number;
  cache_creation_input_tokens?: number;
  cache_read_input_tokens?: number;
}

interface MessagePart {
  type?: unknown;
  message?: { usage?: InputUsage };
  delta?: { type?: unknown; text?: unknown; stop_reason?: unknown };
  usage?: { output_tokens?: number };
  error?: { type?: unknown };
}
