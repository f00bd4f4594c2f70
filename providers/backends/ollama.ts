import { brokenAnswer, ProviderFault } from '../fault.js';
import { parseObject, readLines } from '../http/lines.js';
import type { Backend, CompletionRequest } from '../provider.js';
import { bearer, httpBackend, type HttpBackendOptions } from './http-backend.js';

/**
 * Ollama's `POST /api/chat`, a JSON object a line. Source: Ollama's API documentation, "Generate a chat completion".
 */
export function ollamaBackend(options: HttpBackendOptions): Backend {
  const { model } = options;
  const bodyOf = ({ messages, maxTokens, temperature, stop, seed }: CompletionRequest) => ({
    model,
    messages,
    stream: true,
    options: { num_predict: maxTokens, temperature, stop, seed },
  });
  return httpBackend(options, {
    name: 'ollama',
    supportsSeed: true,
    path: '/api/chat',
    accept: 'application/x-ndjson',
    headers: bearer(options.key),
    bodyOf,
    async *read(chunks) {
      for await (const line of readLines(chunks)) {
        if (line.trim() === '') continue;
        const part = parseObject(line) as OllamaPart;
        if (part.error !== undefined)
          throw new ProviderFault(`the server reports: ${String(part.error)}`, {
            retryable: true,
            hint: 'Look at the log of Ollama.',
          });
        const text = part.message?.content ?? '';
        if (typeof text !== 'string') throw brokenAnswer('the answer has a message whose content is no text');
        if (text !== '') yield { kind: 'text', text };
        if (part.done !== true) continue;
        yield { kind: 'usage', inputTokens: part.prompt_eval_count, outputTokens: part.eval_count };
        yield { kind: 'end', stopReason: part.done_reason === 'length' ? 'length' : 'stop' };
        return;
      }
      throw brokenAnswer('the answer ended before its last object');
    },
  });
}

interface OllamaPart {
  message?: { content?: unknown };
  done?: unknown;
  done_reason?: unknown;
  prompt_eval_count?: number;
  eval_count?: number;
  error?: unknown;
}
