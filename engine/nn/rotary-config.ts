import type { ConfigReader } from './config-reader.js';

/** Rotary position embedding: which features turn, how fast, and how that changes for longer contexts. */
export interface RotaryConfig {
  theta: number;
  /** Features of each head that turn, from the first; even. */
  features: number;
  scaling:
    | { kind: 'none' }
    | { kind: 'linear'; factor: number }
    | { kind: 'dynamic'; factor: number; maxPositions: number }
    | {
        kind: 'llama3';
        factor: number;
        lowFrequencyFactor: number;
        highFrequencyFactor: number;
        originalMaxPositions: number;
      };
}

/**
 * Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (before).
 *
 * @throws RatchetError `E_MODEL_INVALID` naming an unknown rope type or an unusable field
 */
export function rotaryConfig(read: ConfigReader, headSize: number, maxPositions: number): RotaryConfig {
  const given = read.field('rope_scaling') ?? read.field('rope_parameters') ?? {};
  if (typeof given !== 'object' || Array.isArray(given)) read.fail('rope_scaling', 'an object');
  const rope = given as Record<string, unknown>;
  const number = (name: string, fallback?: unknown): number => {
    const value = rope[name] ?? fallback;
    return typeof value === 'number' && value > 0 && Number.isFinite(value)
      ? value
      : read.invalid(
          `field ${name} of the rotary embedding is ${JSON.stringify(value) ?? 'missing'}, it should be a positive number.`,
          'Copy the file from the model again.',
        );
  };
  const kind: unknown = rope['rope_type'] ?? rope['type'] ?? 'default';
  const share = number('partial_rotary_factor', read.field('partial_rotary_factor') ?? 1);
  // Only Phi-3's attention passes the other features through.
  if (share > 1 || (share !== 1 && read.type !== 'phi3'))
    read.invalid(`partial_rotary_factor is ${share}.`, `A ${read.type} model turns all features of a head.`);
  const features = Math.trunc(headSize * share);
  if (features % 2 !== 0 || features === 0)
    read.invalid(`the rotary embedding would turn ${features} features.`, 'It needs an even number of them.');
  const theta = number('rope_theta', read.field('rope_theta') ?? 10000);
  const scaling = ((): RotaryConfig['scaling'] => {
    switch (kind) {
      case 'default':
        return { kind: 'none' };
      case 'linear':
        return { kind: 'linear', factor: number('factor') };
      case 'dynamic':
        if (features < 4) read.invalid(`dynamic rotary scaling of ${features} features.`, 'It needs at least 4.');
        return { kind: 'dynamic', factor: number('factor'), maxPositions };
      case 'llama3': {
        const low = number('low_freq_factor');
        const high = number('high_freq_factor');
        if (high <= low) read.invalid(`high_freq_factor ${high} is not above low_freq_factor ${low}.`, 'Check both.');
        return {
          kind: 'llama3',
          factor: number('factor'),
          lowFrequencyFactor: low,
          highFrequencyFactor: high,
          originalMaxPositions: number('original_max_position_embeddings', maxPositions),
        };
      }
      default:
        return read.invalid(
          `rope type ${JSON.stringify(kind)} is not supported.`,
          'Use a model whose rope type is default, linear, dynamic or llama3.',
        );
    }
  })();
  return { theta, features, scaling };
}

/**
 * Angle per position of each turning pair of features, `features / 2` values (transformers'
 * `modeling_rope_utils`). Dynamic scaling changes them beyond `maxPositions` only, at run time.
 */
export function rotaryFrequencies({ theta, features, scaling }: RotaryConfig): number[] {
  const plain = Array.from({ length: features / 2 }, (_, i) => theta ** ((-2 * i) / features));
  if (scaling.kind === 'linear') return plain.map((frequency) => frequency / scaling.factor);
  if (scaling.kind !== 'llama3') return plain;
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPositions: original } = scaling;
  return plain.map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength > original / low) return frequency / factor;
    if (wavelength < original / high) return frequency;
    const smooth = (original / wavelength - low) / (high - low);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}
