import { randomBytes } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEYS_VARIABLE, PayloadEncryption } from '../../../workers/payload-encryption.js';

const secret = () => randomBytes(32).toString('base64');
const withKeys = (keys: string) => PayloadEncryption.fromEnvironment({ [KEYS_VARIABLE]: keys });
const json = (value: unknown): Payload => ({
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from(JSON.stringify(value)),
});
const textOf = (payload: Payload | undefined) => Buffer.from(payload?.data ?? []).toString('latin1');

describe('encrypted payloads', () => {
  it('come back as they were, whatever their bytes', async () => {
    const codec = withKeys(`a:${secret()}`);
    const metadata = fc.dictionary(fc.string(), fc.uint8Array());
    await fc.assert(
      fc.asyncProperty(metadata, fc.uint8Array(), async (head, data) => {
        const [sealed] = await codec.encode([{ metadata: head, data }]);
        const [opened] = await codec.decode([sealed!]);
        expect(Buffer.from(opened!.data!)).toEqual(Buffer.from(data));
        const plain = (each: Record<string, Uint8Array>) =>
          Object.entries(each).map(([name, value]) => [name, [...value]]);
        expect(plain(opened!.metadata as Record<string, Uint8Array>)).toEqual(plain(head));
      }),
      { numRuns: 50 },
    );
  });

  it('show neither content nor encoding, and equal ones differ', async () => {
    const codec = withKeys(`a:${secret()}`);
    const [first, second] = await codec.encode([json('planted value'), json('planted value')]);
    expect(textOf(first)).not.toContain('planted');
    expect(textOf(first)).not.toContain('json');
    expect(textOf(first)).not.toBe(textOf(second));
    expect(Buffer.from(first!.metadata!['encryption-key-id']!).toString()).toBe('a');
  });

  it('written before there were keys, or with an older key, are read; the first key writes', async () => {
    const [old, fresh] = [`old:${secret()}`, `new:${secret()}`];
    const plain = json('before');
    const [sealed] = await withKeys(old).encode([json('then')]);
    const rotated = withKeys(` ${fresh} , ${old}`);
    const opened = await rotated.decode([plain, sealed!]);
    expect(opened.map(textOf)).toEqual(['"before"', '"then"']);
    const [newest] = await rotated.encode([json('now')]);
    expect((await withKeys(fresh).decode([newest!])).map(textOf)).toEqual(['"now"']);
  });

  it('are left as they are without keys', async () => {
    const codec = PayloadEncryption.fromEnvironment({});
    expect(codec.isOn).toBe(false);
    expect(await codec.encode([json(1)])).toEqual([json(1)]);
  });

  it('without their key, with another one under its id, or changed, are refused by name', async () => {
    const [sealed] = await withKeys(`a:${secret()}`).encode([json('x')]);
    await expect(PayloadEncryption.fromEnvironment({}).decode([sealed!])).rejects.toMatchObject({
      code: 'E_CONFIG_INVALID',
      message: 'A payload was encrypted with the key a, which is not there.',
      hint: 'Add a to RATCHET_PAYLOAD_KEYS of this process; every worker and command needs all keys in use.',
    });
    await expect(withKeys(`a:${secret()}`).decode([sealed!])).rejects.toMatchObject({
      code: 'E_CONFIG_INVALID',
      message: 'A payload that names the key a cannot be opened with it.',
    });
    const codec = withKeys(`a:${secret()},b:${secret()}`);
    const [own] = await codec.encode([json('x')]);
    for (const place of [0, 20, own!.data!.length - 1]) {
      const data = Buffer.from(own!.data!);
      data[place]! ^= 1;
      await expect(codec.decode([{ ...own, data }])).rejects.toMatchObject({ code: 'E_CONFIG_INVALID' });
    }
    const renamed = { ...own!.metadata, 'encryption-key-id': Buffer.from('b') };
    await expect(codec.decode([{ ...own, metadata: renamed }])).rejects.toThrow('cannot be opened');
  });
});

describe('RATCHET_PAYLOAD_KEYS', () => {
  it.each([
    ['no-colon', 'entry 1 is not id:base64'],
    [`a:${randomBytes(16).toString('base64')}`, 'the key a has 16 bytes, not 32'],
    [`a:${secret()},a:${secret()}`, 'the id a is there twice'],
    [`a:${secret()},b:not base64!`, 'entry 2 is not id:base64'],
  ])('is refused when it cannot be used, without a word of a key: %#', (keys, why) => {
    const fault = (() => {
      try {
        return withKeys(keys);
      } catch (error) {
        return error as Error & { hint: string };
      }
    })() as Error & { hint: string };
    expect(fault).toMatchObject({ code: 'E_CONFIG_INVALID', message: `RATCHET_PAYLOAD_KEYS: ${why}.` });
    for (const part of keys.split(/[:,]/).filter((text) => text.length > 10))
      expect(`${fault.message}${fault.hint}`).not.toContain(part);
  });
});
