import { freemem } from 'node:os';
import { RatchetError } from '../../config/errors.js';
import { chunkRows } from '../objectives/chunked-cross-entropy.js';
import { estimateMemory, type MemoryQuestion } from '../registry/estimate-memory.js';

/**
 * The estimate counts everything a step computes; onnxruntime frees what is no longer needed on the way. A GPT-2 step with
 * LoRA held 40 % of it, so half of it must be there.
 */
const HELD_AT_ONCE = 0.5;

/** Bytes this process can still take, within its container's limit where Node knows it. */
const availableBytes = (): number => process.availableMemory?.() ?? freemem();

/** Bytes that training takes beside the loaded weights. */
function neededBytes(question: MemoryQuestion): number {
  const { config, batch, time } = question;
  // Large logits exist a chunk at a time.
  const chunk = config.kind === 'classifier' ? null : chunkRows(batch * time, config.vocabularySize);
  const supervised = question.supervised ?? chunk ?? batch * time;
  const { gradients, optimizer, activations } = estimateMemory({ ...question, supervised });
  return gradients + optimizer + activations * HELD_AT_ONCE;
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/**
 * Refuses a training that cannot fit, before it starts: an operating system that runs out of memory kills without a word.
 *
 * @throws RatchetError `E_OUT_OF_MEMORY` naming the need and, as its hint, the changes that would fit
 */
export function refuseTooLarge(question: MemoryQuestion, available: number = availableBytes()): void {
  const needed = neededBytes(question);
  if (needed <= available) return;
  const { batch, strategy, config } = question;
  const smaller = { ...question, batch: Math.max(1, Math.floor(batch / 2)) };
  const changes: [string, MemoryQuestion][] = [];
  if (batch > 1) changes.push([`batchSize ${smaller.batch} with twice the gradientAccumulationSteps`, smaller]);
  if (!question.checkpointing && config.kind !== 'encoder-decoder')
    changes.push(['gradientCheckpointing', { ...question, checkpointing: true }]);
  if (strategy === 'full') changes.push(['strategy lora', { ...question, strategy: 'lora' }]);
  if (strategy !== 'qlora')
    changes.push([
      'strategy qlora with gradientCheckpointing and batchSize 1',
      { ...question, strategy: 'qlora', checkpointing: true, batch: 1 },
    ]);
  changes.push(['half of maxLength', { ...question, time: Math.ceil(question.time / 2) }]);
  const fitting = changes.filter(([, change]) => neededBytes(change) <= available);
  throw new RatchetError(
    'E_OUT_OF_MEMORY',
    `This training needs about ${gigabytes(needed)} beside the model's weights, and ${gigabytes(available)} are free.`,
    {
      hint:
        fitting.length > 0
          ? `These would fit: ${fitting.map(([name, change]) => `${name} (${gigabytes(neededBytes(change))})`).join('; ')}.`
          : 'Use a smaller model, or a machine with more memory.',
    },
  );
}
