import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { brokenAnswer, ProviderFault } from '../fault.js';
import type { Attempt } from '../provider.js';

export interface Post {
  url: URL;
  headers: Readonly<Record<string, string>>;
  body: unknown;
  /** Media type that the answer must have. */
  accept: string;
  /** Longest answer, bytes. */
  maximumBytes: number;
  /** Milliseconds since 1970, for `Retry-After` dates. */
  now: number;
}

const ERROR_BODY_BYTES = 65_536;
const ERROR_TEXT = 300;

/**
 * Posts JSON and yields the body of the answer as it comes. Redirects are refused: a key goes only where the
 * configuration says.
 *
 * @throws ProviderFault on a connection fault, a status other than 200, another media type or an answer too long
 */
export async function* post(spec: Post, attempt: Attempt): AsyncGenerator<Uint8Array, void> {
  const response = await send(spec, attempt);
  try {
    if (response.statusCode !== 200) throw await refusal(response, spec.now);
    const type = (response.headers['content-type'] ?? 'nothing').split(';')[0]!.trim().toLowerCase();
    if (type !== spec.accept)
      throw new ProviderFault(`the answer is ${type}, not ${spec.accept}`, {
        retryable: false,
        hint: 'Check the base URL: something other than the model server answers there.',
      });
    if (response.headers['content-encoding'] !== undefined)
      throw brokenAnswer(`the answer is encoded as ${response.headers['content-encoding']}, which was not asked for`);
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > spec.maximumBytes)
        throw new ProviderFault(`the answer is longer than ${spec.maximumBytes} bytes`, {
          retryable: false,
          hint: 'Ask for fewer tokens, or raise maximumAnswerBytes.',
        });
      yield chunk;
    }
  } catch (error) {
    if (attempt.signal.aborted) throw attempt.signal.reason;
    if (error instanceof ProviderFault) throw error;
    throw brokenAnswer('the connection was cut in the middle of the answer', error);
  } finally {
    response.destroy();
  }
}

function send({ url, headers, body }: Post, { signal, connected }: Attempt): Promise<IncomingMessage> {
  const bytes = Buffer.from(JSON.stringify(body), 'utf8');
  const open = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const request = open(url, {
      method: 'POST',
      signal,
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': bytes.length,
        'accept-encoding': 'identity',
      },
    });
    request.once('socket', (socket) => {
      if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
      else connected();
    });
    request.once('response', resolve);
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (signal.aborted) return reject(signal.reason as Error);
      reject(
        new ProviderFault(`no answer from ${url.origin} (${error.code ?? error.message})`, {
          retryable: true,
          hint: 'Check that the server runs and that the base URL is right.',
          cause: error,
        }),
      );
    });
    request.end(bytes);
  });
}

/** Statuses that may pass by themselves; 529 is Anthropic's "overloaded". */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504, 529]);

async function refusal(response: IncomingMessage, now: number): Promise<ProviderFault> {
  const status = response.statusCode ?? 0;
  if (status >= 300 && status < 400)
    return new ProviderFault(`the server redirects (HTTP ${status}), which is refused`, {
      retryable: false,
      status,
      hint: 'Configure the base URL that the server itself names.',
    });
  const retryAfter = retryAfterMilliseconds(response.headers['retry-after'], now);
  const text = messageOf(await readStart(response));
  return new ProviderFault(`HTTP ${status}${text === '' ? '' : `: ${text}`}`, {
    retryable: PASSING.has(status),
    status,
    hint: hintFor(status),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

function hintFor(status: number): string {
  if (status === 401 || status === 403)
    return 'Check the key in the environment variable that the configuration names.';
  if (status === 404) return 'Check the base URL and the name of the model.';
  if (status === 429) return 'Lower requestsPerMinute or tokensPerMinute, or wait.';
  return status >= 500 ? 'The server is in trouble; try again later.' : "The server refuses the request's content.";
}

async function readStart(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    parts.push(chunk);
    size += chunk.length;
    if (size >= ERROR_BODY_BYTES) break;
  }
  return Buffer.concat(parts).subarray(0, ERROR_BODY_BYTES).toString('utf8');
}

/** The sentence in an error's body: `{"error": {"message"}}`, `{"error": "…"}`, or the start of the text. */
export function messageOf(body: string): string {
  let said: unknown = body;
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    said = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error;
  } catch {
    // No JSON: the text itself.
  }
  return (typeof said === 'string' ? said : body).replaceAll(/\s+/g, ' ').trim().slice(0, ERROR_TEXT);
}

/** `Retry-After` in seconds or as a date, as milliseconds from now (RFC 9110 §10.2.3); undefined when unreadable. */
export function retryAfterMilliseconds(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+(?:\.\d+)?\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
