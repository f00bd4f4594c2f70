import { freemem } from 'node:os';
import { RatchetError } from '../../config/errors.js';
import { isPreference, type ObjectiveSpec } from '../objectives/objective-spec.js';
import type { OptimizerName, OptimizerSpec } from '../optim/create-optimizer.js';
import { estimateMemory, type MemoryQuestion } from '../registry/estimate-memory.js';
import type { WeightPrecision } from '../quantization/half-weights.js';
import type { TrainSpec } from '../api.js';

/** What of a run decides how much memory it takes. */
export interface TrainingSize {
  config: MemoryQuestion['config'];
  strategy: TrainSpec['strategy'];
  objective: ObjectiveSpec;
  /** Rows of a micro-batch: one of preferences is a pair. */
  batchSize: number;
  gradientAccumulationSteps: number;
  /** Tokens of the longest row. */
  longest: number;
  loraRank: number;
  modules?: MemoryQuestion['modules'] | undefined;
  gradientCheckpointing?: boolean | undefined;
  precision?: WeightPrecision | undefined;
  optimizer?: OptimizerSpec | OptimizerName | undefined;
  /** Whether there are rows to validate on. */
  validates: boolean;
}

/** The same as a question about the memory of a step. */
export function memoryQuestion(size: TrainingSize): MemoryQuestion {
  const { config, strategy, objective, batchSize, longest, loraRank, modules, optimizer } = size;
  const pairs = isPreference(objective);
  return {
    config,
    strategy,
    batch: pairs ? 2 * batchSize : batchSize,
    time: longest,
    rank: loraRank,
    ...(strategy !== 'full' && modules && { modules }),
    checkpointing: size.gradientCheckpointing ?? false,
    weightBytes: (size.precision ?? 'float32') === 'float32' ? 4 : 2,
    wholeLogits: pairs || objective.kind === 'distillation',
    optimizer: typeof optimizer === 'object' ? optimizer.name : (optimizer ?? 'adamw'),
    accumulates: size.gradientAccumulationSteps > 1,
    keepsBest: size.validates,
  };
}

/** Settings by which a run can be made smaller. */
type Changes = Partial<
  Record<'gradientCheckpointing', true> &
    Record<'precision', 'bfloat16'> &
    Record<'batchSize' | 'gradientAccumulationSteps' | 'maxLength', number> &
    Record<'strategy', TrainSpec['strategy']>
>;

/** Alternatives that are named. */
const SHOWN = 4;

/** Why a run is refused, and what would fit. */
export interface MemoryRefusal {
  message: string;
  hint: string;
}

/** Bytes this process can still take, within its container's limit where Node knows it. */
export const availableBytes = (): number => process.availableMemory?.() ?? freemem();

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** Writes a setting as the engine's parameter, or as a flag of `ratchet train`. */
const writers = {
  parameters: (name: string, value: unknown) => (value === true ? name : `${name} ${String(value)}`),
  flags: (name: string, value: unknown) => {
    if (name === 'precision') return '--bf16';
    const flag = name === 'strategy' ? 'training-strategy' : name.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
    return value === true ? `--${flag}` : `--${flag} ${String(value)}`;
  },
};

/**
 * Whether a training fits into memory, the one rule of the engine and of the command line: an operating system that runs
 * out of memory kills without a word. Every alternative that is named was checked to fit; one that only adds to another
 * is left out.
 *
 * @param available bytes that the training may take, model and process included
 * @param names how settings are written
 * @returns null where it fits
 */
export function memoryRefusal(
  size: TrainingSize,
  available: number,
  names: keyof typeof writers,
): MemoryRefusal | null {
  const needed = (changes: Changes) =>
    estimateMemory(memoryQuestion({ ...size, ...changes, longest: changes.maxLength ?? size.longest })).total;
  const need = needed({});
  if (need <= available) return null;
  const fitting: { changes: Changes; need: number }[] = [];
  for (const changes of alternatives(size)) {
    if (fitting.length === SHOWN) break;
    if (fitting.some((known) => goesFurther(changes, known.changes))) continue;
    const bytes = needed(changes);
    if (bytes <= available) fitting.push({ changes, need: bytes });
  }
  const write = (changes: Changes) =>
    Object.entries(changes)
      .map(([name, value]) => writers[names](name, value))
      .join(names === 'flags' ? ' ' : ' with ');
  return {
    message: `This training needs about ${gigabytes(need)} of memory, and ${gigabytes(available)} are free.`,
    hint:
      fitting.length > 0
        ? `These would fit: ${fitting.map(({ changes, need: bytes }) => `${write(changes)} (${gigabytes(bytes)})`).join('; ')}.`
        : 'Use a smaller model, or a machine with more memory.',
  };
}

/** Whether one change does all that another one does, and more. */
const goesFurther = (changes: Changes, known: Changes): boolean =>
  Object.entries(known).every(([name, value]) => {
    if (name === 'gradientAccumulationSteps') return true;
    const own = changes[name as keyof Changes];
    return typeof own === 'number' ? own <= Number(value) : own === value;
  });

/** Ways to need less, the ones that change the result least first. */
function alternatives({ strategy, batchSize, gradientAccumulationSteps, longest, ...size }: TrainingSize): Changes[] {
  const checkpointing: Changes = size.gradientCheckpointing ? {} : { gradientCheckpointing: true };
  const rows = (count: number): Changes =>
    count >= batchSize
      ? {}
      : { batchSize: count, gradientAccumulationSteps: Math.ceil((batchSize * gradientAccumulationSteps) / count) };
  const half = rows(Math.max(1, Math.floor(batchSize / 2)));
  const shorter: Changes = { maxLength: Math.ceil(longest / 2) };
  const strategies = (['full', 'lora', 'qlora'] as const).filter((_, i, all) => i >= all.indexOf(strategy));
  return strategies
    .flatMap((name): Changes[] => {
      const method: Changes = name === strategy ? {} : { strategy: name };
      const sizes = [{}, checkpointing, half, rows(1), { ...checkpointing, ...rows(1) }];
      const halves: Changes[] = name === 'full' || size.precision === 'bfloat16' ? [] : [{ precision: 'bfloat16' }];
      return [...sizes, ...sizes.map((changes) => ({ ...changes, ...shorter }))].flatMap((changes) => [
        { ...method, ...changes },
        ...halves.map((lower) => ({ ...method, ...lower, ...changes })),
      ]);
    })
    .filter((changes) => Object.keys(changes).length > 0);
}

/**
 * Refuses a training whose weights are read when it cannot fit, see {@link memoryRefusal}.
 *
 * @param free bytes that are free beside what the process holds
 * @throws RatchetError `E_OUT_OF_MEMORY` naming the need and, as its hint, the changes that would fit
 */
export function refuseTooLarge(size: TrainingSize, free: number = availableBytes()): void {
  const held = estimateMemory(memoryQuestion({ ...size, validates: false }));
  const refusal = memoryRefusal(size, free + held.weights + held.process, 'parameters');
  if (refusal) throw new RatchetError('E_OUT_OF_MEMORY', refusal.message, { hint: refusal.hint });
}
