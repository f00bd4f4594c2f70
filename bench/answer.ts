import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Prints a line of the protocol between a bench and its sides (side.ts). */
const answer = (fields: object) => process.stdout.write(`${JSON.stringify(fields)}\n`);

/** A line of /proc/self/status in megabytes; the peak of the whole process where there is no such file. */
function resident(name: string): number {
  try {
    return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}

/**
 * A side written in JavaScript: says that it is ready, makes one step for each line on standard input and answers what it
 * gave with its times, and prints its peak memory at the end of the input. The peak is that of the steps: what loading
 * left behind is collected first, where the process has `--expose-gc`.
 */
export async function answerSteps(
  versions: Record<string, string>,
  step: (index: number) => Promise<object>,
): Promise<void> {
  globalThis.gc?.();
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Elsewhere than on Linux the peak is that of the whole process.
  }
  answer({ ready: versions, resident: resident('VmRSS') });
  let index = 0;
  for await (const _ of createInterface({ input: process.stdin })) {
    const wall = performance.now();
    const cpu = process.cpuUsage();
    const results = await step(index++);
    const used = process.cpuUsage(cpu);
    answer({ ...results, wall: performance.now() - wall, cpu: (used.user + used.system) / 1000 });
  }
  answer({ peak: resident('VmHWM') });
}
