import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ProviderConfig } from '../../providers/index.js';

type Kind = ProviderConfig['kind'];

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

export type Answer = (response: ServerResponse, request: IncomingMessage) => void | Promise<void>;

/** A server on the loopback interface that gives its answers in turn, the last one again and again. */
export interface ModelServer {
  url: string;
  received: Received[];
  answers: Answer[];
  close(): Promise<void>;
}

export async function startModelServer(): Promise<ModelServer> {
  const model: ModelServer = { url: '', received: [], answers: [], close: async () => {} };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      model.received.push({
        path: request.url ?? '',
        headers: request.headers,
        body: JSON.parse(Buffer.concat(parts).toString('utf8')) as Record<string, unknown>,
      });
      const answer = model.answers[Math.min(model.received.length, model.answers.length) - 1];
      void answer?.(response, request);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  model.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  model.close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return model;
}

export const CONTENT_TYPE: Record<Kind, string> = {
  ollama: 'application/x-ndjson',
  'openai-compatible': 'text/event-stream; charset=utf-8',
  anthropic: 'text/event-stream; charset=utf-8',
};

const INPUT_TOKENS = 11;
const line = (value: unknown) => `${JSON.stringify(value)}\n`;
const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const named = (value: { type: string }) => `event: ${value.type}\n${data(value)}`;

/** A whole answer as the servers of a kind write it: 11 input tokens, one output token a piece. */
export function frames(kind: Kind, pieces: readonly string[], stopped: 'itself' | 'length' = 'itself'): string[] {
  const length = stopped === 'length';
  if (kind === 'ollama') {
    const head = { model: 'test-model', created_at: '2026-11-21T00:00:00Z' };
    return [
      ...pieces.map((content) => line({ ...head, message: { role: 'assistant', content }, done: false })),
      line({
        ...head,
        message: { role: 'assistant', content: '' },
        done: true,
        done_reason: length ? 'length' : 'stop',
        total_duration: 1_000,
        prompt_eval_count: INPUT_TOKENS,
        eval_count: pieces.length,
      }),
    ];
  }
  if (kind === 'openai-compatible') {
    const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'test-model' };
    const delta = (content: object, finish_reason: string | null = null) =>
      data({ ...head, choices: [{ index: 0, delta: content, finish_reason }], usage: null });
    return [
      delta({ role: 'assistant', content: '' }),
      ...pieces.map((content) => delta({ content })),
      delta({}, length ? 'length' : 'stop'),
      data({ ...head, choices: [], usage: { prompt_tokens: INPUT_TOKENS, completion_tokens: pieces.length } }),
      'data: [DONE]\n\n',
    ];
  }
  return [
    named({
      type: 'message_start',
      message: {
        id: 'msg_1',
        role: 'assistant',
        content: [],
        usage: { input_tokens: INPUT_TOKENS - 4, cache_read_input_tokens: 4, output_tokens: 1 },
      },
    } as { type: string }),
    named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } } as { type: string }),
    named({ type: 'ping' }),
    ...pieces.map((text) =>
      named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } } as { type: string }),
    ),
    named({ type: 'content_block_stop', index: 0 } as { type: string }),
    named({
      type: 'message_delta',
      delta: { stop_reason: length ? 'max_tokens' : 'end_turn', stop_sequence: null },
      usage: { output_tokens: pieces.length },
    } as { type: string }),
    named({ type: 'message_stop' }),
  ];
}

/** Answers with these texts or bytes, each an HTTP chunk of its own. */
export function sends(
  kind: Kind,
  chunks: readonly (string | Uint8Array)[],
  headers: Record<string, string> = {},
): Answer {
  return async (response) => {
    response.writeHead(200, { 'content-type': CONTENT_TYPE[kind], ...headers });
    for (const chunk of chunks) {
      await new Promise<void>((resolve) => {
        response.write(chunk, () => resolve());
      });
    }
    response.end();
  };
}

/** Answers well. */
export const says = (kind: Kind, ...pieces: string[]): Answer => sends(kind, frames(kind, pieces));

/** Refuses with a status and the error body of the kind. */
export function refuses(kind: Kind, status: number, message: string, headers: Record<string, string> = {}): Answer {
  const body =
    kind === 'ollama'
      ? { error: message }
      : kind === 'anthropic'
        ? { type: 'error', error: { type: 'api_error', message } }
        : { error: { message, type: 'server_error', param: null, code: null } };
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
}

/** Starts an answer, then drops the connection. */
export function cutsAfter(kind: Kind, pieces: readonly string[]): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': CONTENT_TYPE[kind] });
    const all = frames(kind, [...pieces, 'never sent']);
    const upTo = all.findIndex((frame) => frame.includes('never sent'));
    response.write(all.slice(0, upTo).join(''), () => response.socket?.destroy());
  };
}
