/**
 * Linear warm-up, then linear decay to 0 (transformers' `get_linear_schedule_with_warmup`).
 *
 * @param step 0-based; step 0 of a schedule with warm-up has learning rate 0
 * @param warmupSteps may be 0
 */
export function linearSchedule(base: number, step: number, totalSteps: number, warmupSteps: number): number {
  if (step < warmupSteps) return (base * step) / Math.max(1, warmupSteps);
  return base * Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
}

/** Warm-up steps of a run: the ratio's share rounded up, as transformers' `TrainingArguments.warmup_ratio`. */
export const warmupSteps = (totalSteps: number, ratio: number): number => Math.ceil(totalSteps * ratio);
