import { brokenAnswer, ProviderFault } from '../fault.js';
import { parseObject } from '../http/lines.js';
import { messageOf } from '../http/post.js';
import { serverSentEvents } from '../http/server-sent-events.js';
import type { Backend, CompletionRequest, StopReason } from '../provider.js';
import { bearer, httpBackend, type HttpBackendOptions } from './http-backend.js';

/** Newer models of OpenAI want `max_completion_tokens`; most compatible servers know only `max_tokens`. */
export type MaxTokensField = 'max_tokens' | 'max_completion_tokens';

/**
 * `POST {base}/chat/completions` with server-sent events, as OpenAI, vLLM, llama.cpp and others speak it; the base URL
 * ends in `/v1`. Source: OpenAI's API reference, "Create chat completion" and its streaming events.
 */
export function openAiCompatibleBackend(options: HttpBackendOptions & { maxTokensField?: MaxTokensField }): Backend {
  const { model, maxTokensField = 'max_tokens' } = options;
  const bodyOf = ({ messages, maxTokens, temperature, stop, seed }: CompletionRequest) => ({
    model,
    messages,
    [maxTokensField]: maxTokens,
    temperature,
    stop,
    seed,
    stream: true,
    stream_options: { include_usage: true },
  });
  return httpBackend(options, {
    name: 'openai-compatible',
    supportsSeed: true,
    path: '/chat/completions',
    accept: 'text/event-stream',
    headers: bearer(options.key),
    bodyOf,
    async *read(chunks) {
      let stopReason: StopReason | null = null;
      for await (const { data } of serverSentEvents(chunks)) {
        if (data === '[DONE]') {
          if (stopReason === null) throw brokenAnswer('the answer ended without a finish_reason');
          yield { kind: 'end', stopReason };
          return;
        }
        const part = parseObject(data) as ChatPart;
        if (part.error != null)
          throw new ProviderFault(`the server reports: ${messageOf(data)}`, {
            retryable: true,
            hint: 'Look at the log of the server.',
          });
        if (part.usage != null)
          yield {
            kind: 'usage',
            inputTokens: part.usage.prompt_tokens,
            outputTokens: part.usage.completion_tokens,
          };
        const choice = part.choices?.[0];
        const text = choice?.delta?.content ?? '';
        if (typeof text !== 'string') throw brokenAnswer('the answer has a delta whose content is no text');
        if (text !== '') yield { kind: 'text', text };
        if (choice?.finish_reason != null) stopReason = STOP_REASONS[String(choice.finish_reason)] ?? 'stop';
      }
      throw brokenAnswer('the answer ended before [DONE]');
    },
  });
}

const STOP_REASONS: Record<string, StopReason> = { stop: 'stop', length: 'length', content_filter: 'refused' };

interface ChatPart {
  choices?: { delta?: { content?: unknown }; finish_reason?: unknown }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
  error?: unknown;
}
