import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Payload, PayloadCodec } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import { RatchetError } from '../config/errors.js';

/** Environment variable of the keys: `id:base64`, the newest first, separated by commas. */
export const KEYS_VARIABLE = 'RATCHET_PAYLOAD_KEYS';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';

interface Key {
  id: string;
  secret: Buffer;
}

/**
 * Encrypts what goes to Temporal with AES-256-GCM: arguments, results, heartbeats, memos and, with the failure converters
 * of a worker that encrypts, messages and stacks of failures. Workflow ids, types and times stay readable. The first key
 * encrypts, all of them decrypt: a key is replaced by putting the new one in front. Without keys nothing is encrypted, and
 * what was encrypted is refused by name.
 *
 * An encrypted payload is nonce (12 bytes), ciphertext, tag (16 bytes) of a line with the metadata in base64 and the data;
 * the id of the key is in its metadata and authenticated.
 */
export class PayloadEncryption implements PayloadCodec {
  constructor(private readonly keys: readonly Key[] = []) {}

  /** The keys of an environment. Throws E_CONFIG_INVALID, which never shows a key. */
  static fromEnvironment(env: NodeJS.ProcessEnv = process.env): PayloadEncryption {
    const entries = (env[KEYS_VARIABLE] ?? '').split(',').flatMap((entry) => entry.trim() || []);
    const keys = entries.map(parseKey);
    const twice = keys.find(({ id }, place) => keys.findIndex((key) => key.id === id) !== place);
    if (twice !== undefined) throw invalid(`the id ${twice.id} is there twice`);
    return new PayloadEncryption(keys);
  }

  get isOn(): boolean {
    return this.keys.length > 0;
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    const [key] = this.keys;
    return key === undefined ? payloads : payloads.map((payload) => seal(payload, key));
  }

  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => this.open(payload));
  }

  private open(payload: Payload): Payload {
    const { metadata } = payload;
    if (text(metadata?.['encoding']) !== ENCODING) return payload;
    const id = text(metadata?.[KEY_ID]);
    const key = this.keys.find((each) => each.id === id);
    if (key === undefined)
      throw new RatchetError('E_CONFIG_INVALID', `A payload was encrypted with the key ${id}, which is not there.`, {
        hint: `Add ${id} to ${KEYS_VARIABLE} of this process; every worker and command needs all keys in use.`,
      });
    try {
      return unseal(payload.data ?? new Uint8Array(), key);
    } catch (cause) {
      throw new RatchetError('E_CONFIG_INVALID', `A payload that names the key ${id} cannot be opened with it.`, {
        hint: `${KEYS_VARIABLE} has another key under the id ${id}, or the payload was changed.`,
        cause,
      });
    }
  }
}

/** In a bundle of workflows that is loaded with it, failures are written so that they are encrypted as well. */
const ENCODE_FAILURES = 'globalThis.RATCHET_ENCODES_FAILURES = true;';

/**
 * Options of a worker, with which it encrypts where there are keys: what activities throw is converted by the compiled
 * `encoding-failures.js` at the path `failures`, what workflows throw by the bundle itself.
 */
export function encryptedWorker<Options extends Pick<WorkerOptions, 'workflowBundle'>>(
  codec: PayloadEncryption,
  options: Options,
  failures: string,
): Options & Pick<WorkerOptions, 'dataConverter'> {
  const dataConverter = { payloadCodecs: [codec], ...(codec.isOn && { failureConverterPath: failures }) };
  const bundle = options.workflowBundle;
  if (!codec.isOn || bundle === undefined || !('codePath' in bundle)) return { ...options, dataConverter };
  const code = `${ENCODE_FAILURES}${readFileSync(bundle.codePath, 'utf8')}`;
  return { ...options, dataConverter, workflowBundle: { code } };
}

function parseKey(entry: string, place: number): Key {
  const [, id, encoded] = /^([\w.-]{1,64}):([A-Za-z0-9+/]+={0,2})$/.exec(entry) ?? [];
  if (id === undefined || encoded === undefined) throw invalid(`entry ${place + 1} is not id:base64`);
  const secret = Buffer.from(encoded, 'base64');
  if (secret.length !== KEY_BYTES) throw invalid(`the key ${id} has ${secret.length} bytes, not ${KEY_BYTES}`);
  return { id, secret };
}

function invalid(what: string): RatchetError {
  return new RatchetError('E_CONFIG_INVALID', `${KEYS_VARIABLE}: ${what}.`, {
    hint: `\`openssl rand -base64 ${KEY_BYTES}\` makes a key; write it as id:key, with commas between several.`,
  });
}

function seal({ metadata, data }: Payload, { id, secret }: Key): Payload {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, secret, nonce).setAAD(Buffer.from(id));
  const readable = Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  const head = cipher.update(`${JSON.stringify(Object.fromEntries(readable))}\n`, 'utf8');
  const body = cipher.update(data ?? new Uint8Array());
  const sealed = Buffer.concat([nonce, head, body, cipher.final(), cipher.getAuthTag()]);
  return { metadata: { encoding: Buffer.from(ENCODING), [KEY_ID]: Buffer.from(id) }, data: sealed };
}

function unseal(sealed: Uint8Array, { id, secret }: Key): Payload {
  const bytes = Buffer.from(sealed);
  const decipher = createDecipheriv(CIPHER, secret, bytes.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(id));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  const end = plain.indexOf('\n');
  const readable = JSON.parse(plain.toString('utf8', 0, end)) as Record<string, string>;
  const metadata = Object.entries(readable).map(([name, value]) => [name, Buffer.from(value, 'base64')]);
  return { metadata: Object.fromEntries(metadata) as Record<string, Buffer>, data: plain.subarray(end + 1) };
}

const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('utf8');
