import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEngine } from '../../engine/index.js';
import {
  Budget,
  createProvider,
  localEngineBackend,
  openProvider,
  ProviderConfig,
  type CompletionRequest,
  type Provider,
} from '../../providers/index.js';
import { ManualClock } from './manual-clock.js';
import { cutsAfter, frames, refuses, says, sends, startModelServer, type ModelServer } from './model-server.js';

const KEY = 'sk-test-0123456789abcdef';
const environment = { TEST_MODEL_KEY: KEY };
const request: CompletionRequest = {
  messages: [
    { role: 'system', content: 'Answer briefly.' },
    { role: 'user', content: 'Who places orders?' },
  ],
  maxTokens: 20,
};
const [CONNECT, FIRST_TOKEN, TOTAL] = [1_000_001, 1_000_002, 1_000_003];
const timeouts = { connectMilliseconds: CONNECT, firstTokenMilliseconds: FIRST_TOKEN, totalMilliseconds: TOTAL };

let server: ModelServer;
let clock: ManualClock;
beforeEach(async () => {
  server = await startModelServer();
  clock = new ManualClock();
});
afterEach(() => server.close());

type Kind = ProviderConfig['kind'];
const kinds: Kind[] = ['ollama', 'openai-compatible', 'anthropic'];

function open(kind: Kind, change: Partial<Parameters<typeof ProviderConfig.parse>[0] & object> = {}, budget?: Budget) {
  const config = ProviderConfig.parse({
    kind,
    baseUrl: kind === 'openai-compatible' ? `${server.url}/v1` : server.url,
    model: 'test-model',
    apiKeyVariable: 'TEST_MODEL_KEY',
    pricePerMillionInputTokens: 3,
    pricePerMillionOutputTokens: 15,
    timeouts,
    ...change,
  });
  return openProvider(config, { environment, clock, ...(budget && { budget }) });
}

async function faultOf(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  return promise.then(
    () => ({ code: 'no fault' }),
    (error: unknown) => {
      const { code, message, hint, retryable } = error as Record<string, unknown>;
      return { code, message, hint, retryable };
    },
  );
}

async function pieces(provider: Provider, given = request) {
  const texts: string[] = [];
  for await (const part of provider.stream(given)) {
    if ('completion' in part) return { texts, completion: part.completion };
    texts.push(part.text);
  }
  throw new Error('the stream ended without a completion');
}

describe.each(kinds)('provider %s', (kind) => {
  it('answers with text, usage and cost', async () => {
    server.answers = [says(kind, 'A ', 'customer', '.')];
    expect(await open(kind).complete(request)).toEqual({
      text: 'A customer.',
      stopReason: 'stop',
      usage: { inputTokens: 11, outputTokens: 3, estimated: false },
      cost: (11 * 3 + 3 * 15) / 1e6,
      provider: kind,
      model: 'test-model',
      attempts: 1,
    });
  });

  it('streams the pieces, then the whole', async () => {
    server.answers = [says(kind, 'A ', 'customer', '.')];
    const { texts, completion } = await pieces(open(kind));
    expect(texts).toEqual(['A ', 'customer', '.']);
    expect(completion.text).toBe('A customer.');
    expect([clock.armed(CONNECT), clock.armed(FIRST_TOKEN), clock.armed(TOTAL)]).toEqual([0, 0, 0]);
  });

  it('says when the length ended an answer', async () => {
    server.answers = [sends(kind, frames(kind, ['A'], 'length'))];
    expect(await open(kind).complete(request)).toMatchObject({ text: 'A', stopReason: 'length' });
  });

  it('puts characters together that the network cut in the middle', async () => {
    const text = 'Zürich – 東京 🧭';
    const bytes = Buffer.from(frames(kind, [text]).join(''), 'utf8');
    server.answers = [
      sends(
        kind,
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      ),
    ];
    expect((await open(kind).complete(request)).text).toBe(text);
  });

  it('reads lines that end in CR LF', async () => {
    server.answers = [sends(kind, [frames(kind, ['A', 'B']).join('').replaceAll('\n', '\r\n')])];
    expect((await open(kind).complete(request)).text).toBe('AB');
  });

  it('waits as long as Retry-After says, then succeeds', async () => {
    server.answers = [refuses(kind, 429, 'slow down', { 'retry-after': '7' }), says(kind, 'A')];
    expect(await open(kind).complete(request)).toMatchObject({ text: 'A', attempts: 2 });
    expect(clock.waits).toEqual([7000]);
  });

  it('understands Retry-After as a date', async () => {
    const date = new Date(clock.now() + 12_000).toUTCString();
    server.answers = [refuses(kind, 503, 'busy', { 'retry-after': date }), says(kind, 'A')];
    await open(kind).complete(request);
    expect(clock.waits).toEqual([12_000]);
  });

  it('does not wait longer than the longest back-off, and says what was asked', async () => {
    server.answers = [refuses(kind, 429, 'come back tomorrow', { 'retry-after': '86400' })];
    const fault = await faultOf(open(kind).complete(request));
    expect(fault).toMatchObject({ code: 'E_PROVIDER', retryable: true });
    expect(fault.hint).toContain('It asks to wait 86400 s.');
    expect([server.received.length, clock.waits]).toEqual([1, []]);
  });

  it('backs off with full jitter, the same for the same seed, and gives up after its attempts', async () => {
    server.answers = [refuses(kind, 500, 'oops'), refuses(kind, 529, 'overloaded')];
    const retry = { attempts: 5, firstMilliseconds: 1000, longestMilliseconds: 3000 };
    const fault = await faultOf(open(kind, { retry }).complete(request));
    expect(fault).toMatchObject({ code: 'E_PROVIDER', retryable: true });
    expect(fault.message).toBe(`${kind} test-model: HTTP 529: overloaded (after 5 attempts)`);
    expect(server.received).toHaveLength(5);
    const first = [...clock.waits];
    expect(first).toHaveLength(4);
    [1000, 2000, 3000, 3000].forEach((ceiling, index) => expect(first[index]).toBeLessThan(ceiling));
    clock = new ManualClock();
    await faultOf(open(kind, { retry }).complete(request));
    expect(clock.waits).toEqual(first);
  });

  it('does not repeat what cannot succeed, and shows no key that the server echoes', async () => {
    server.answers = [refuses(kind, 401, `Incorrect API key provided: ${KEY}.`)];
    const fault = await faultOf(open(kind).complete(request));
    expect(fault).toEqual({
      code: 'E_PROVIDER',
      message: `${kind} test-model: HTTP 401: Incorrect API key provided: [redacted].`,
      hint: 'Check the key in the environment variable that the configuration names.',
      retryable: false,
    });
    expect(server.received).toHaveLength(1);
  });

  it('starts again after a cut stream', async () => {
    server.answers = [cutsAfter(kind, ['A ', 'cust']), says(kind, 'A ', 'customer.')];
    expect(await open(kind).complete(request)).toMatchObject({ text: 'A customer.', attempts: 2 });
  });

  it('does not hand out a piece twice: a cut stream throws', async () => {
    server.answers = [cutsAfter(kind, ['A ']), says(kind, 'A ', 'customer.')];
    const fault = await faultOf(pieces(open(kind)));
    expect(fault).toMatchObject({ code: 'E_PROVIDER', retryable: true });
    expect(fault.message).toContain('the connection was cut in the middle of the answer');
    expect(server.received).toHaveLength(1);
  });

  it('takes an answer without its last event for cut', async () => {
    server.answers = [sends(kind, frames(kind, ['A']).slice(0, -1))];
    const fault = await faultOf(open(kind, { retry: { attempts: 1 } }).complete(request));
    expect(fault.message).toMatch(/the answer ended before/);
  });

  it('names malformed JSON', async () => {
    const broken = kind === 'ollama' ? '{"message": {"content": "A"\n' : 'data: {"choices": [{"delta"\n\n';
    server.answers = [sends(kind, [broken])];
    const fault = await faultOf(open(kind, { retry: { attempts: 2 } }).complete(request));
    expect(fault).toMatchObject({ code: 'E_PROVIDER' });
    expect(fault.message).toMatch(/the answer has malformed JSON .* \(after 2 attempts\)/);
  });

  it('names bytes that are no UTF-8', async () => {
    server.answers = [sends(kind, [Uint8Array.of(0x64, 0xff, 0x0a, 0x0a)])];
    const fault = await faultOf(open(kind, { retry: { attempts: 1 } }).complete(request));
    expect(fault.message).toContain('the answer is not UTF-8');
  });

  it('reports an error inside the stream', async () => {
    const error = { type: 'overloaded_error', message: 'Overloaded' };
    const frame =
      kind === 'ollama'
        ? '{"error":"Overloaded"}\n'
        : `event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`;
    server.answers = [sends(kind, [frame]), says(kind, 'A')];
    expect(await open(kind).complete(request)).toMatchObject({ text: 'A', attempts: 2 });
  });

  it('gives up on a first byte that does not come', async () => {
    server.answers = [() => clock.fire(FIRST_TOKEN), says(kind, 'A')];
    expect(await open(kind).complete(request)).toMatchObject({ text: 'A', attempts: 2 });
    server.received.length = 0;
    server.answers = [() => clock.fire(FIRST_TOKEN)];
    const fault = await faultOf(open(kind, { retry: { attempts: 1 } }).complete(request));
    expect(fault.message).toContain(`no first token within ${FIRST_TOKEN} ms`);
  });

  it('ends a call at its total time, even in the middle of an answer', async () => {
    server.answers = [
      (response) => {
        response.writeHead(200, { 'content-type': kind === 'ollama' ? 'application/x-ndjson' : 'text/event-stream' });
        response.write(frames(kind, ['A']).slice(0, -1).join(''));
      },
    ];
    const stream = open(kind).stream(request);
    expect(await stream.next()).toEqual({ done: false, value: { text: 'A' } });
    const next = faultOf(stream.next());
    clock.fire(TOTAL);
    expect(await next).toMatchObject({ code: 'E_PROVIDER', retryable: false });
  });

  it('refuses an answer that is too long', async () => {
    server.answers = [says(kind, 'x'.repeat(5000))];
    const fault = await faultOf(open(kind, { maximumAnswerBytes: 2048 }).complete(request));
    expect(fault.message).toContain('the answer is longer than 2048 bytes');
    expect(server.received).toHaveLength(1);
  });

  it('refuses an answer of another kind', async () => {
    server.answers = [sends(kind, ['<html>Welcome</html>'], { 'content-type': 'text/html' })];
    const fault = await faultOf(open(kind).complete(request));
    expect(fault.message).toMatch(/the answer is text\/html, not (application\/x-ndjson|text\/event-stream)$/);
    expect(server.received).toHaveLength(1);
  });

  it('follows no redirect', async () => {
    const other = await startModelServer();
    server.answers = [
      (response) => void response.writeHead(307, { location: `${other.url}${server.received[0]!.path}` }).end(),
    ];
    const fault = await faultOf(open(kind).complete(request));
    await other.close();
    expect(fault.message).toContain('the server redirects (HTTP 307), which is refused');
    expect([server.received.length, other.received.length]).toEqual([1, 0]);
  });

  it('stops when the caller aborts', async () => {
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    server.answers = [() => controller.abort(reason)];
    await expect(open(kind).complete({ ...request, signal: controller.signal })).rejects.toBe(reason);
    expect(server.received).toHaveLength(1);
  });

  it('closes the connection when the caller stops listening', async () => {
    let closed: () => void;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    server.answers = [
      (response) => {
        response.on('close', () => closed());
        response.writeHead(200, { 'content-type': kind === 'ollama' ? 'application/x-ndjson' : 'text/event-stream' });
        response.write(frames(kind, ['A']).slice(0, -1).join(''));
      },
    ];
    for await (const part of open(kind).stream(request)) if ('text' in part) break;
    await gone;
  });

  it('refuses before it spends: tokens', async () => {
    server.answers = [says(kind, 'A')];
    const provider = open(kind, { budget: { maximumTokens: 140 } });
    await provider.complete(request);
    // 12 tokens are spent; the bound of a call is 33 bytes + 3·16 of the template + 20 of the answer.
    await provider.complete(request);
    await provider.complete(request);
    await provider.complete(request);
    const fault = await faultOf(provider.complete(request));
    expect(fault).toMatchObject({ code: 'E_BUDGET', retryable: false });
    expect(fault.message).toBe('a call may take up to 101 tokens; 92 of 140 is left of its budget');
    expect(server.received).toHaveLength(4);
  });

  it('refuses before it spends: money, also when calls run at once', async () => {
    server.answers = [says(kind, 'A')];
    const budget = new Budget({ maximumCost: 0.001 });
    const provider = open(kind, {}, budget);
    const results = await Promise.all([1, 2, 3].map(() => faultOf(provider.complete(request))));
    // A call may cost (81·3 + 20·15)/1e6 = $0.000543: only one fits.
    expect(results.map(({ code }) => code).sort()).toEqual(['E_BUDGET', 'E_BUDGET', 'no fault']);
    expect(budget.spent).toEqual({ tokens: 12, cost: (11 * 3 + 15) / 1e6 });
  });

  it('charges a refused call nothing, and a cut one all that it may have cost', async () => {
    const budget = new Budget({});
    server.answers = [refuses(kind, 400, 'bad request')];
    await faultOf(open(kind, {}, budget).complete(request));
    expect(budget.spent).toEqual({ tokens: 0, cost: 0 });
    server.answers = [cutsAfter(kind, ['A'])];
    await faultOf(open(kind, { retry: { attempts: 1 } }, budget).complete(request));
    // Anthropic says at the start what the input was.
    expect(budget.spent.tokens).toBe(kind === 'anthropic' ? 11 + 20 : 81 + 20);
  });

  it('takes counts that make no sense for unknown', async () => {
    const wrong = frames(kind, ['A']).map((frame) =>
      frame.replaceAll(
        /"(input_tokens|output_tokens|prompt_tokens|completion_tokens|prompt_eval_count|eval_count)":\d+/g,
        '"$1":-1000000',
      ),
    );
    server.answers = [sends(kind, wrong)];
    const budget = new Budget();
    const { usage } = await open(kind, {}, budget).complete(request);
    expect(usage).toEqual({ inputTokens: 81, outputTokens: 20, estimated: true });
    expect(budget.spent.tokens).toBe(101);
  });

  it('holds calls back to the rate of requests', async () => {
    server.answers = [says(kind, 'A')];
    const provider = open(kind, { requestsPerMinute: 2 });
    await Promise.all([1, 2, 3, 4].map(() => provider.complete(request)));
    expect(clock.waits).toEqual([30_000, 30_000]);
  });

  it('holds calls back to the rate of tokens, and gives back what was not used', async () => {
    server.answers = [says(kind, 'A')];
    const provider = open(kind, { tokensPerMinute: 101 });
    await provider.complete(request);
    await provider.complete(request);
    // 12 tokens were used, so 12 of 101 are missing: 12/101 of a minute.
    expect(clock.waits).toEqual([Math.ceil((12 / 101) * 60_000)]);
  });

  it('records prompt and answer without the key', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ratchet-providers-'));
    const recordFile = join(folder, 'calls', 'record.jsonl');
    server.answers = [refuses(kind, 500, `key ${KEY} failed`), says(kind, 'A ', `secret ${KEY}`)];
    const spoken = { ...request, messages: [{ role: 'user' as const, content: `my key is ${KEY}` }] };
    await open(kind, { recordFile }).complete(spoken);
    const text = await readFile(recordFile, 'utf8');
    const { mode } = await stat(recordFile);
    await rm(folder, { recursive: true });
    expect(text).not.toContain(KEY);
    expect(mode & 0o077).toBe(0);
    const rows = text
      .trimEnd()
      .split('\n')
      .map((row) => JSON.parse(row) as Record<string, unknown>);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ call: 1, attempt: 1, fault: 'HTTP 500: key [redacted] failed', usage: null });
    expect(rows[1]).toMatchObject({
      provider: kind,
      model: 'test-model',
      call: 1,
      attempt: 2,
      text: 'A secret [redacted]',
      stopReason: 'stop',
      fault: null,
      cost: (11 * 3 + 2 * 15) / 1e6,
    });
    expect(JSON.stringify(rows[1]!.request)).toContain('my key is [redacted]');
    const sent = server.received[1]!.headers;
    expect(kind === 'anthropic' ? sent['x-api-key'] : sent.authorization).toContain(KEY);
  });
});

it.each([
  [
    'ollama' as const,
    '/api/chat',
    {
      model: 'test-model',
      messages: request.messages,
      stream: true,
      options: { num_predict: 20, temperature: 1.5, stop: ['\n'], seed: 7 },
    },
  ],
  [
    'openai-compatible' as const,
    '/v1/chat/completions',
    {
      model: 'test-model',
      messages: request.messages,
      max_tokens: 20,
      temperature: 1.5,
      stop: ['\n'],
      seed: 7,
      stream: true,
      stream_options: { include_usage: true },
    },
  ],
  [
    'anthropic' as const,
    '/v1/messages',
    {
      model: 'test-model',
      max_tokens: 20,
      system: 'Answer briefly.',
      messages: [{ role: 'user', content: 'Who places orders?' }],
      temperature: 1,
      stop_sequences: ['\n'],
      stream: true,
    },
  ],
])('provider %s sends what its protocol wants', async (kind, path, body) => {
  server.answers = [says(kind, 'A')];
  await open(kind).complete({ ...request, temperature: 1.5, stop: ['\n'], seed: 7 });
  expect(server.received[0]!.path).toBe(path);
  expect(server.received[0]!.body).toEqual(body);
  expect(server.received[0]!.headers['anthropic-version']).toBe(kind === 'anthropic' ? '2023-06-01' : undefined);
});

describe('provider engine', () => {
  const engine = createEngine({ threads: 1 });
  const local = (budget = new Budget()) =>
    createProvider(
      localEngineBackend({
        engine,
        modelDir: 'models/base',
        adapterDir: null,
        render: (messages) => messages.map(({ content }) => content).join(' '),
        countTokens: (prompt) => prompt.split(' ').length,
      }),
      { budget, clock },
    );
  const small = { messages: [{ role: 'user' as const, content: 'web app calls api.' }], maxTokens: 4 };
  let answer: Awaited<ReturnType<Provider['complete']>>;
  beforeAll(async () => {
    clock = new ManualClock();
    answer = await local().complete(small);
  });
  afterAll(() => engine.close());

  it('answers with usage', () => {
    expect(answer).toMatchObject({ stopReason: 'length', provider: 'engine', model: 'models/base', attempts: 1 });
    expect(answer.usage).toEqual({ inputTokens: 4, outputTokens: 4, estimated: false });
    expect(answer.text).not.toBe('');
  });

  it('streams the same answer', async () => {
    const { texts, completion } = await pieces(local(), small);
    expect(texts.join('')).toBe(answer.text);
    expect(completion).toEqual(answer);
  });

  it('stops when the caller aborts', async () => {
    const reason = new Error('no longer wanted');
    const signal = AbortSignal.abort(reason);
    await expect(local().complete({ ...small, signal })).rejects.toBe(reason);
  });

  it('refuses before it spends', async () => {
    const budget = new Budget({ maximumTokens: 10 });
    expect(await faultOf(local(budget).complete(small))).toMatchObject({ code: 'E_BUDGET' });
    expect(budget.spent.tokens).toBe(0);
  });

  it("passes on the engine's own faults", async () => {
    const broken = createProvider(
      localEngineBackend({ engine, modelDir: 'models/none', adapterDir: null, render: () => 'web' }),
      { clock },
    );
    expect(await faultOf(broken.complete(small))).toMatchObject({ code: expect.stringMatching(/^E_(MODEL|NOT)/) });
  });
});
