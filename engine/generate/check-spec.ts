import { RatchetError } from '../../config/errors.js';
import type { GenerateSpec } from '../api.js';

type Field = Exclude<keyof GenerateSpec, 'modelDir' | 'adapterDir' | 'prompts' | 'fromTemplate' | 'truncatePrompts'>;

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;
const between = (value: unknown, low: number, high: number) => (value as number) >= low && (value as number) <= high;
const count = { valid: isCount, wanted: 'an integer ≥ 1' };

const FIELDS: Record<Field, { valid(value: unknown): boolean; wanted: string }> = {
  maxNewTokens: count,
  minNewTokens: { valid: (value) => value === 0 || isCount(value), wanted: 'an integer ≥ 0' },
  temperature: { valid: (value) => between(value, 0, Number.MAX_VALUE), wanted: 'a number ≥ 0' },
  topK: count,
  topP: { valid: (value) => value !== 0 && between(value, 0, 1), wanted: 'above 0, at most 1' },
  minP: { valid: (value) => between(value, 0, 1), wanted: 'from 0 to 1' },
  repetitionPenalty: { valid: (value) => value !== 0 && between(value, 0, Number.MAX_VALUE), wanted: 'above 0' },
  noRepeatNgramSize: count,
  stopStrings: {
    valid: (value) => (value as string[]).every((text) => text !== ''),
    wanted: 'texts of at least one character',
  },
  endIds: {
    valid: (value) => (value as number[]).every((id) => Number.isSafeInteger(id) && id >= 0),
    wanted: 'token ids',
  },
  numBeams: count,
  numReturnSequences: count,
  lengthPenalty: { valid: Number.isFinite, wanted: 'a number' },
  earlyStopping: { valid: (value) => value === 'never' || typeof value === 'boolean', wanted: 'true, false or never' },
  seed: { valid: Number.isSafeInteger, wanted: 'an integer' },
  batchSize: count,
};

/** @throws RatchetError `E_USAGE` naming the first option that is out of range or does not go with another */
export function checkGenerateSpec(spec: GenerateSpec): void {
  const refuse = (message: string, hint: string): never => {
    throw new RatchetError('E_USAGE', message, { hint });
  };
  for (const [field, { valid, wanted }] of Object.entries(FIELDS) as [Field, (typeof FIELDS)[Field]][]) {
    const value = spec[field];
    if (value !== undefined && !valid(value)) refuse(`${field} is ${String(value)}.`, `It should be ${wanted}.`);
  }
  const { numBeams = 1, numReturnSequences = 1, temperature } = spec;
  if (numBeams > 1 && temperature !== 0)
    refuse(
      `numBeams is ${numBeams} at temperature ${temperature}.`,
      'A beam search draws nothing: set temperature to 0.',
    );
  if (numReturnSequences > numBeams)
    refuse(
      `numReturnSequences is ${numReturnSequences} with ${numBeams === 1 ? 'no beams' : `${numBeams} beams`}.`,
      'It should be at most numBeams.',
    );
}
