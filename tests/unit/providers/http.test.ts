import { createServer, type AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpoint } from '../../../providers/http/endpoint.js';
import { readLines } from '../../../providers/http/lines.js';
import { messageOf, retryAfterMilliseconds } from '../../../providers/http/post.js';
import { readKey } from '../../../providers/http/read-key.js';
import { serverSentEvents } from '../../../providers/http/server-sent-events.js';
import { openProvider, ProviderConfig } from '../../../providers/index.js';
import { ManualClock } from '../../contract/manual-clock.js';

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const size of sizes) {
    yield bytes.subarray(from, from + size);
    from += size;
  }
  yield bytes.subarray(from);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const encode = (text: string) => new TextEncoder().encode(text);

describe('readLines', () => {
  it('gives the same lines however the bytes are cut', async () => {
    const character = fc.constantFrom('a', 'é', '東', '🧭', '\n', '\r', '\r\n');
    await fc.assert(
      fc.asyncProperty(fc.array(character), fc.array(fc.nat(5)), async (characters, sizes) => {
        const text = characters.join('');
        const expected = text.split(/\r\n|\n|\r/);
        if (expected.at(-1) === '') expected.pop();
        expect(await collect(readLines(cut(encode(text), sizes)))).toEqual(expected);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('reads a long line in time that grows with its length, however small its pieces', async () => {
    const line = 'x'.repeat(990_000);
    const pieces = cut(encode(`${line}\nnext`), Array<number>(20_000).fill(48));
    expect(await collect(readLines(pieces))).toEqual([line, 'next']);
  });

  it('refuses half a character at the end, and a line without an end', async () => {
    await expect(collect(readLines(cut(encode('a\n東').subarray(0, 4), [])))).rejects.toThrow('not UTF-8');
    const long = new Uint8Array(1_000_001).fill(97);
    await expect(collect(readLines(cut(long, [])))).rejects.toThrow('longer than 1000000 characters');
  });
});

describe('serverSentEvents', () => {
  it('joins data lines, skips comments and unknown fields, and drops an event without its end', async () => {
    const text = ': hello\nevent: note\nid: 7\ndata: a\ndata:  b\ndata\n\ndata:c\n\nevent: empty\n\ndata: lost';
    expect(await collect(serverSentEvents(cut(encode(text), [3, 9])))).toEqual([
      { event: 'note', data: 'a\n b\n' },
      { event: 'message', data: 'c' },
    ]);
  });
});

describe('endpoint', () => {
  it('joins the base and the path', () => {
    expect(endpoint('https://host:8443/gateway/v1/', '/chat/completions').href).toBe(
      'https://host:8443/gateway/v1/chat/completions',
    );
  });

  it.each([
    ['file:///etc/passwd', 'is no http or https address'],
    ['localhost:11434', 'is no http or https address'],
    ['nonsense', 'is no http or https address'],
    ['https://user:hidden@host/v1', 'holds a user name or password'],
    ['https://host/v1?key=hidden', 'holds a query or fragment'],
  ])('refuses %s', (base, why) => {
    expect(() => endpoint(base, '/x')).toThrow(why);
    expect(() => endpoint(base, '/x')).not.toThrow('hidden');
  });
});

describe('readKey', () => {
  it('reads the variable, trimmed', () => expect(readKey('K', { K: ' secret\n' })).toBe('secret'));

  it.each([
    [{}, 'the environment variable K is not set'],
    [{ K: ' ' }, 'the environment variable K is not set'],
    [{ K: 'se\r\ncret' }, 'the environment variable K holds characters that no key has'],
  ])('refuses %j without showing it', (environment, message) => {
    expect(() => readKey('K', environment)).toThrow(expect.objectContaining({ message }));
  });
});

describe('refusals', () => {
  it.each([
    ['{"error":{"message":"too\\n long","type":"x"}}', 'too long'],
    ['{"error":"model not found"}', 'model not found'],
    ['{"detail":"no"}', '{"detail":"no"}'],
    ['<html>Bad gateway</html>', '<html>Bad gateway</html>'],
    ['', ''],
  ])('reads the sentence in %s', (body, said) => expect(messageOf(body)).toBe(said));

  it.each([
    ['3', 3000],
    ['0.5', 500],
    ['Sat, 21 Nov 2026 00:00:09 GMT', 9000],
    ['Fri, 20 Nov 2026 00:00:00 GMT', 0],
    ['soon', undefined],
  ])('reads Retry-After: %s', (header, expected) => {
    expect(retryAfterMilliseconds(header, Date.UTC(2026, 10, 21))).toBe(expected);
  });
});

describe('connections', () => {
  const config = (baseUrl: string) =>
    ProviderConfig.parse({
      kind: 'ollama',
      baseUrl,
      model: 'm',
      retry: { attempts: 1 },
      timeouts: { connectMilliseconds: 1_000_001 },
    });
  const request = { messages: [{ role: 'user' as const, content: 'hello' }], maxTokens: 1 };

  it('gives up on a handshake that does not end', async () => {
    const clock = new ManualClock();
    const server = createServer((socket) => {
      socket.on('error', () => {});
      clock.fire(1_000_001);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const provider = openProvider(config(`https://127.0.0.1:${port}`), { clock });
    await expect(provider.complete(request)).rejects.toMatchObject({
      code: 'E_PROVIDER',
      message: 'ollama m: no connection within 1000001 ms',
      retryable: true,
    });
    server.close();
  });

  it('names the address where nobody listens', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => {
      server.close(resolve);
    });
    const provider = openProvider(config(`http://127.0.0.1:${port}`), { clock: new ManualClock() });
    await expect(provider.complete(request)).rejects.toMatchObject({
      code: 'E_PROVIDER',
      message: `ollama m: no answer from http://127.0.0.1:${port} (ECONNREFUSED)`,
    });
  });
});
