import type { ConfigReader } from './config-reader.js';

/** Rotary position embedding: which features turn, how fast, and how that changes for longer contexts. */
export interface RotaryConfig {
  theta: number;
  /** Features of each head that turn, from the first; even. */
  features: number;
  /** Multiplies the turned features of query and key. */
  amplitude: number;
  scaling:
    | { kind: 'none' }
    | { kind: 'linear'; factor: number }
    | { kind: 'dynamic'; factor: number; maxPositions: number }
    | {
        kind: 'yarn';
        factor: number;
        /** Pairs that turn more often than this over the original positions keep their speed … */
        betaFast: number;
        /** … and those that turn less often than this are slowed by `factor`; the others lie between. */
        betaSlow: number;
        /** The two bounds are widened to whole pairs. */
        truncate: boolean;
        originalMaxPositions: number;
      }
    | {
        kind: 'longrope';
        /** What each pair is slowed by, in texts of up to the original positions, and in longer ones. */
        shortFactors: number[];
        longFactors: number[];
        originalMaxPositions: number;
      }
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
  const objectOf = (name: string): Record<string, unknown> => {
    const given = read.field(name) ?? {};
    if (typeof given !== 'object' || Array.isArray(given)) read.fail(name, 'an object');
    return given as Record<string, unknown>;
  };
  const old = objectOf('rope_scaling');
  const rope = Object.keys(old).length > 0 ? old : objectOf('rope_parameters');
  const number = (name: string, fallback?: unknown): number => {
    const value = rope[name] ?? fallback;
    return typeof value === 'number' && value > 0 && Number.isFinite(value)
      ? value
      : read.invalid(
          `field ${name} of the rotary embedding is ${JSON.stringify(value) ?? 'missing'}, it should be a positive number.`,
          'Copy the file from the model again.',
        );
  };
  const named: unknown = rope['rope_type'] ?? rope['type'] ?? 'default';
  // Phi-3's first files call LongRoPE by the names of its drafts.
  const kind = read.type === 'phi3' && (named === 'su' || named === 'yarn') ? 'longrope' : named;
  const share = number('partial_rotary_factor', read.field('partial_rotary_factor') ?? 1);
  // Only Phi-3's attention passes the other features through.
  if (share > 1 || (share !== 1 && read.type !== 'phi3'))
    read.invalid(`partial_rotary_factor is ${share}.`, `A ${read.type} model turns all features of a head.`);
  const features = Math.trunc(headSize * share);
  if (features % 2 !== 0 || features === 0)
    read.invalid(`the rotary embedding would turn ${features} features.`, 'It needs an even number of them.');
  const theta = number('rope_theta', read.field('rope_theta') ?? 10000);
  // Beside the scaling this field wins, as in transformers. Phi-3's class has one of its own.
  const original = (): number => {
    const beside = read.optionalCount('original_max_position_embeddings') ?? (read.type === 'phi3' ? 4096 : null);
    return beside ?? number('original_max_position_embeddings', maxPositions);
  };
  const factors = (name: string): number[] => {
    const values = rope[name];
    return Array.isArray(values) &&
      values.length === features / 2 &&
      values.every((x) => typeof x === 'number' && x > 0)
      ? (values as number[])
      : read.invalid(
          `field ${name} of the rotary embedding does not fit.`,
          `It needs ${features / 2} positive numbers.`,
        );
  };
  /** The share by which the context was made longer; some files leave it to the positions to say. */
  const growth = (): number => number('factor', maxPositions / original());
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
          originalMaxPositions: original(),
        };
      }
      case 'yarn': {
        const truncate = rope['truncate'] ?? true;
        return {
          kind: 'yarn',
          factor: growth(),
          betaFast: number('beta_fast', 32),
          betaSlow: number('beta_slow', 1),
          truncate: truncate === true,
          originalMaxPositions: original(),
        };
      }
      case 'longrope':
        return {
          kind: 'longrope',
          shortFactors: factors('short_factor'),
          longFactors: factors('long_factor'),
          originalMaxPositions: original(),
        };
      default:
        return read.invalid(
          `rope type ${JSON.stringify(kind)} is not supported.`,
          'Use a model whose rope type is default, linear, dynamic, llama3, yarn or longrope.',
        );
    }
  })();
  const amplitude = ((): number => {
    if (scaling.kind !== 'yarn' && scaling.kind !== 'longrope') return 1;
    if ((rope['attention_factor'] ?? null) !== null) return number('attention_factor');
    if (growth() <= 1) return 1;
    if (scaling.kind === 'longrope') return Math.sqrt(1 + Math.log(growth()) / Math.log(scaling.originalMaxPositions));
    const scale = (weight: number) => 0.1 * weight * Math.log(growth()) + 1;
    return rope['mscale'] && rope['mscale_all_dim']
      ? scale(number('mscale')) / scale(number('mscale_all_dim'))
      : scale(1);
  })();
  return { theta, features, amplitude, scaling };
}

/**
 * Angle per position of each turning pair of features, `features / 2` values (transformers'
 * `modeling_rope_utils`). Dynamic scaling and LongRoPE change them in long texts only, at run time: here are those of
 * short ones.
 */
export function rotaryFrequencies({ theta, features, scaling }: RotaryConfig): number[] {
  const plain = Array.from({ length: features / 2 }, (_, i) => theta ** ((-2 * i) / features));
  if (scaling.kind === 'linear') return plain.map((frequency) => frequency / scaling.factor);
  if (scaling.kind === 'longrope') return plain.map((frequency, i) => frequency / scaling.shortFactors[i]!);
  if (scaling.kind === 'yarn') {
    const { betaFast, betaSlow, truncate, factor, originalMaxPositions } = scaling;
    const pairOf = (turns: number) =>
      (features * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
    const [first, last] = [pairOf(betaFast), pairOf(betaSlow)];
    const low = Math.max(truncate ? Math.floor(first) : first, 0);
    const high = Math.min(truncate ? Math.ceil(last) : last, features - 1);
    return plain.map((frequency, i) => {
      const slowed = Math.min(1, Math.max(0, (i - low) / (high === low ? 0.001 : high - low)));
      return (frequency / factor) * slowed + frequency * (1 - slowed);
    });
  }
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
