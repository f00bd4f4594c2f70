export interface GreedyPicks {
  /** Rows in the order of choice. */
  order: number[];
  /** The value of each pick at the moment of choice. */
  values: number[];
}

/**
 * Greedy maximisation of values that only shrink as more is chosen (Minoux 1978): a heap holds an upper bound of each
 * row, and only rows at its top are looked at again. The picks are those of plain greedy, equal values by the lowest
 * row, but most rows are never revisited.
 * @param bounds upper bound of each row's value; changed in place
 * @param refresh the present value of a row, given all picks and how many of them its bound already counts
 * @param before rows chosen earlier: never picked, and counted in `bounds`
 */
export function lazyGreedy(
  bounds: Float64Array,
  budget: number,
  refresh: (row: number, picks: readonly number[], counted: number) => number,
  before: readonly number[] = [],
): GreedyPicks {
  const counted = new Uint32Array(bounds.length).fill(before.length);
  const isTaken = new Set(before);
  const heap = Uint32Array.from(bounds.keys()).filter((row) => !isTaken.has(row));
  let size = heap.length;
  const precedes = (a: number, b: number) => bounds[a]! > bounds[b]! || (bounds[a] === bounds[b] && a < b);
  const sink = (start: number): void => {
    const row = heap[start]!;
    let place = start;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      if (child + 1 < size && precedes(heap[child + 1]!, heap[child]!)) child++;
      if (!precedes(heap[child]!, row)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = row;
  };
  for (let place = (size >> 1) - 1; place >= 0; place--) sink(place);
  const picks = [...before];
  const result: GreedyPicks = { order: [], values: [] };
  while (result.order.length < budget && size > 0) {
    const row = heap[0]!;
    if (counted[row]! < picks.length) {
      bounds[row] = refresh(row, picks, counted[row]!);
      counted[row] = picks.length;
    } else {
      picks.push(row);
      result.order.push(row);
      result.values.push(bounds[row]!);
      heap[0] = heap[--size]!;
    }
    sink(0);
  }
  return result;
}
