import { RatchetError } from '../../config/errors.js';

/**
 * The key that the environment variable `variable` holds.
 *
 * @throws RatchetError `E_CONFIG_INVALID` naming the variable, never its value, when it is unset, empty or cannot be
 *   sent in a header
 */
export function readKey(variable: string, environment: Readonly<Record<string, string | undefined>>): string {
  const key = environment[variable]?.trim() ?? '';
  const fault = key === '' ? 'is not set' : /^[\x21-\x7e]+$/.test(key) ? null : 'holds characters that no key has';
  if (fault === null) return key;
  throw new RatchetError('E_CONFIG_INVALID', `the environment variable ${variable} ${fault}`, {
    hint: `Put the key of the provider in ${variable}; keys are never read from files.`,
  });
}
