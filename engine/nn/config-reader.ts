import { RatchetError } from '../../config/errors.js';
import type { Activation } from './config.js';

/** Bounds that no model reaches; a file beyond them lies, and would make the engine allocate by its lie. */
const LARGEST_COUNT = 2 ** 24;
const MOST_LAYERS = 4096;

const ACTIVATIONS: Record<string, Activation> = {
  gelu: 'gelu-erf',
  gelu_new: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
};

export type ConfigReader = ReturnType<typeof createConfigReader>;

/**
 * Reads fields of a `config.json` by name; each method throws RatchetError `E_MODEL_INVALID` naming file, field and
 * value when it is not what it should be. Null counts as missing.
 */
export function createConfigReader(source: string, json: Record<string, unknown>) {
  const field = (name: string): unknown => (Object.hasOwn(json, name) ? (json[name] ?? undefined) : undefined);
  const shown = (value: unknown): string => {
    const text = JSON.stringify(value) ?? 'missing';
    return text.length > 120 ? `${text.slice(0, 120)}…` : text;
  };
  const invalid = (problem: string, hint: string): never => {
    throw new RatchetError('E_MODEL_INVALID', `${source}: ${problem}`, { hint });
  };
  const fail = (name: string, wanted: string): never =>
    invalid(`field ${name} is ${shown(field(name))}, it should be ${wanted}.`, 'Copy the file from the model again.');
  const count = (name: string, fallback?: number, largest = LARGEST_COUNT): number => {
    const value = field(name) ?? fallback;
    return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= largest
      ? (value as number)
      : fail(name, `an integer from 1 to ${largest}`);
  };
  return {
    /** `model_type`. */
    type: json['model_type'] as string,
    field,
    /** True where the file has the field, even as null. */
    has: (name: string): boolean => Object.hasOwn(json, name),
    invalid,
    fail,
    count,
    layers: (name: string, fallback?: number): number => count(name, fallback, MOST_LAYERS),
    /** A positive integer, or null where the field is null or missing. */
    optionalCount: (name: string): number | null => (field(name) === undefined ? null : count(name)),
    positive(name: string, fallback?: number): number {
      const value = field(name) ?? fallback;
      return typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : fail(name, 'a positive number');
    },
    flag(name: string, fallback: boolean): boolean {
      const value = field(name) ?? fallback;
      return typeof value === 'boolean' ? value : fail(name, 'true or false');
    },
    /** Refuses any other value; a missing one is fine. */
    only(name: string, ...allowed: unknown[]): void {
      const value = field(name);
      if (value !== undefined && !allowed.includes(value)) fail(name, allowed.map((item) => shown(item)).join(' or '));
    },
    activation(name: string, fallback: string): Activation {
      const value = field(name) ?? fallback;
      return typeof value === 'string' && Object.hasOwn(ACTIVATIONS, value)
        ? ACTIVATIONS[value]!
        : fail(name, `one of ${Object.keys(ACTIVATIONS).join(', ')}`);
    },
    token(name: string, fallback: number | null = null): number | null {
      // A null in the file means "none", a missing field the architecture's own default.
      const value = Object.hasOwn(json, name) ? json[name] : fallback;
      return value === null || Number.isSafeInteger(value) ? (value as number | null) : fail(name, 'a token id');
    },
    endIds(fallback: number[] = []): number[] {
      const value = Object.hasOwn(json, 'eos_token_id') ? (json['eos_token_id'] ?? []) : fallback;
      const ids = Array.isArray(value) ? value : [value];
      return ids.every((id) => Number.isSafeInteger(id)) ? (ids as number[]) : fail('eos_token_id', 'a token id');
    },
    /** The size of a head where `size` is divided among `heads`. */
    headSize(size: number, heads: number, sizeName: string, headsName: string): number {
      if (size % heads !== 0)
        invalid(`${sizeName} ${size} is not a multiple of ${headsName} ${heads}.`, 'Check both fields.');
      return size / heads;
    },
  };
}
