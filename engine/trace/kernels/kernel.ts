import type { GraphBuilder, View } from '../graph.js';

/** Attributes as tfjs hands them to a kernel; their shapes are those of tfjs-core's `kernel_names`. */
// oxlint-disable-next-line typescript/no-explicit-any -- every kernel has its own attribute types, and tfjs checks none
export type KernelAttributes = Record<string, any>;

/** Records one kernel call: operands in, the views of its outputs out. */
export type RecordKernel = (
  graph: GraphBuilder,
  operands: Record<string, View>,
  attributes: KernelAttributes,
) => View | View[];

export type KernelTable = Record<string, RecordKernel>;

/** Axes as non-negative numbers; all axes when none is named. */
export function parseAxes(axis: number | number[] | null | undefined, rank: number): number[] {
  const axes = axis === null || axis === undefined ? Array.from({ length: rank }, (_, i) => i) : [axis].flat();
  return axes.map((a) => (a < 0 ? a + rank : a)).toSorted((a, b) => a - b);
}

export const parseAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
