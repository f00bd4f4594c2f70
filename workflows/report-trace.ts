import type { LoopTrace } from '../store/trace.js';
import { connectTrace } from './proxies.js';

export interface ReportTraceInput {
  loop: string;
  round?: number;
  /** Task queue of the store. */
  queue: string;
}

/** What the owner of the store knows of a loop's story. */
export async function reportTrace({ queue, ...asked }: ReportTraceInput): Promise<LoopTrace> {
  return await connectTrace(queue).readTrace(asked);
}
