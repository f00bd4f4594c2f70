import { hash } from 'node:crypto';
import { RatchetError } from './errors.js';

/**
 * JSON with the keys of every object sorted and absent (`undefined`) members dropped: equal values give equal text.
 * Numbers print as JavaScript prints them; -0 prints as 0. Values that JSON does not know (NaN, Infinity, bigint, functions) throw E_DATA_INVALID.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw noJson(String(value));
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object') {
    const record = value as Record<string, unknown>;
    let text = '';
    for (const key of Object.keys(record).sort()) {
      const member = record[key];
      if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
    }
    return `{${text}}`;
  }
  throw noJson(`a ${typeof value}`);
}

function noJson(what: string): RatchetError {
  return new RatchetError('E_DATA_INVALID', `${what} has no JSON form`, {
    hint: 'Use finite numbers, texts, booleans, null, lists and maps.',
  });
}

/** SHA-256 (hex) of a text in UTF-8. */
export function sha256(text: string): string {
  return hash('sha256', text);
}

/** SHA-256 (hex) of the canonical JSON of a configuration or a part of one. */
export function configHash(value: unknown): string {
  return sha256(canonicalJson(value));
}
