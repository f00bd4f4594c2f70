import { join } from 'node:path';
import { readAdapter } from '../engine/formats/peft.js';
import { loadModel } from '../engine/nn/load-model.js';
import { causalObjective } from '../engine/objectives/language-model.js';
import { loraFromPeft } from '../engine/peft/from-peft.js';
import { padRight } from '../engine/train/batch-plan.js';
import { batchFeeds, gradientProgram } from '../engine/train/program.js';
import { Executable } from '../engine/trace/executable.js';
import { GraphBuilder, sizeOf, type Graph, type Value } from '../engine/trace/graph.js';
import { trace } from '../engine/trace/index.js';
import type { HostTensor } from '../engine/api.js';
import { median, type SideResult } from './measure.js';
import { prepareWorkload, rowsOf, type Workload } from './workloads.js';

const PRODUCTS = new Set(['Gemm', 'MatMul', 'FusedMatMul']);

/**
 * A graph of the matrix products of another one alone: what was computed on the way is fed. The result of each product is
 * read at one element, so that none is left out. The two small products inside an attention operator do not count.
 */
export function productsOf(graph: Graph): Graph {
  const products = new GraphBuilder();
  const fed = new Map<Value, Value>();
  const input = (value: Value): Value => {
    if (value.data) return value;
    // An input for each value, or equal shapes would make equal products, of which only one is computed.
    const known = fed.get(value) ?? products.input(value.input ?? `any:${fed.size}`, value.type, value.shape).value;
    fed.set(value, known);
    return known;
  };
  const outputs = graph.nodes
    .filter((node) => PRODUCTS.has(node.op))
    .map(({ op, domain, inputs, outputs: [result], attributes }, i) => {
      const { type, shape } = result!;
      const product = products.emit(op, inputs.map(input), { type, shape }, attributes, domain);
      const ones = shape.map(() => 1);
      const corner = [shape.map(() => 0), ones, shape.map((_, axis) => axis), ones].map((list) =>
        products.int64s(list),
      );
      return [`product:${i}`, products.emit('Slice', [product.value, ...corner], { type, shape: ones })] as const;
    });
  return products.finish(Object.fromEntries(outputs));
}

/** A LoRA step's forward and backward pass against its matrix products alone, in turns, on one thread. */
export async function measureProducts(workload: Workload): Promise<SideResult[]> {
  const folder = await prepareWorkload(workload);
  const { config, weights } = await loadModel(join(folder, '..', `model-${workload.model}`));
  const adapter = loraFromPeft(config, await readAdapter(join(folder, 'adapter')));
  const rows = rowsOf(workload, 0).map(({ ids, prompt }, i) => ({ id: String(i), tokens: ids, promptLength: prompt }));
  const prepared = causalObjective.prepare(padRight(rows, rows.length, config.maxPositions));
  const feeds: Record<string, HostTensor> = {
    ...Object.fromEntries([...weights, ...adapter.tensors]),
    ...batchFeeds(prepared, { lossWeight: 1 / prepared.weight }),
  };
  const names = [...adapter.tensors.keys()];
  const step = trace(feeds, (tensors) => gradientProgram({ config, adapter }, causalObjective, names, tensors));
  const products = productsOf(step);
  const numbers = new Map<number, Float32Array>();
  for (const { name, shape } of products.inputs) {
    const size = sizeOf(shape);
    const data = numbers.get(size) ?? new Float32Array(size).fill(0.01);
    numbers.set(size, data);
    feeds[name] ??= { dtype: 'float32', shape, data };
  }
  const arms = [
    {
      name: 'step',
      executable: await Executable.compile(step, { threads: 1 }),
      wall: [] as number[],
      cpu: [] as number[],
    },
    { name: 'products', executable: await Executable.compile(products, { threads: 1 }), wall: [], cpu: [] },
  ];
  for (let i = 0; i <= workload.steps; i++)
    for (const { executable, wall, cpu } of arms) {
      const before = { wall: performance.now(), cpu: process.cpuUsage() };
      await executable.run(feeds);
      const used = process.cpuUsage(before.cpu);
      if (i === 0) continue;
      wall.push(performance.now() - before.wall);
      cpu.push((used.user + used.system) / 1000);
    }
  return arms.map(({ name, executable, wall, cpu }) => {
    executable.release();
    const share = Math.min(1, median(cpu.map((used, i) => used / wall[i]!)));
    const steps = wall.length;
    return {
      name,
      threads: 1,
      wall: median(wall),
      cpu: median(cpu),
      peak: NaN,
      share,
      steps,
      firstLoss: null,
      versions: {},
    };
  });
}
