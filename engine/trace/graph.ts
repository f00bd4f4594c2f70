import { RatchetError } from '../../config/errors.js';

export type ElementType = 'float32' | 'int32' | 'bool' | 'int64' | 'uint8' | 'uint32' | 'float16';
export type TypedArray = Float32Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | BigInt64Array;

/** An ONNX attribute, tagged with its kind because a number alone does not say whether it is an int or a float. */
export type Attribute = { int: number } | { float: number } | { ints: number[] } | { string: string };

/** One operation. `domain` is empty for standard ONNX operators. */
export interface GraphNode {
  op: string;
  domain: string;
  inputs: Value[];
  outputs: Value[];
  attributes: Record<string, Attribute>;
}

/** Something that exists in the compiled graph: a node's output, an input or a constant. `shape` is its real (physical) shape. */
export interface Value {
  type: ElementType;
  shape: number[];
  producer?: GraphNode;
  input?: string;
  data?: TypedArray;
  /** An output that its node leaves out when nothing reads it. */
  optional?: boolean;
  /** Set when every element of a constant is this number; such a constant is stored as a scalar. */
  uniform?: number;
}

/** A value together with the logical shape it stands for; the value's physical shape broadcasts to it. */
export interface View {
  value: Value;
  shape: number[];
}

/** A recorded computation, free of tfjs types. Nodes are in topological order and all of them are needed by an output. */
export interface Graph {
  /** Inputs that some node uses, in the order in which they were declared. */
  inputs: { name: string; type: ElementType; shape: number[] }[];
  nodes: GraphNode[];
  outputs: { name: string; value: Value }[];
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((extent, i) => extent === b[i]);

/** The shape that all given shapes broadcast to (NumPy rules). @throws E_INTERNAL when they do not. */
export function broadcastShapes(...shapes: (readonly number[])[]): number[] {
  const result = Array.from({ length: Math.max(0, ...shapes.map((shape) => shape.length)) }, () => 1);
  for (const shape of shapes)
    shape.forEach((extent, i) => {
      const axis = result.length - shape.length + i;
      if (extent === 1) return;
      if (result[axis] !== 1 && result[axis] !== extent)
        throw new RatchetError('E_INTERNAL', `Shapes ${shapes.map((s) => `[${s}]`).join(' and ')} do not broadcast.`);
      result[axis] = extent;
    });
  return result;
}

const arrayOf: Record<ElementType, (values: ArrayLike<number>) => TypedArray> = {
  float32: (v) => Float32Array.from(v),
  int32: (v) => Int32Array.from(v),
  bool: (v) => Uint8Array.from(v, (x) => (x ? 1 : 0)),
  int64: (v) => BigInt64Array.from(Array.from(v, (x) => BigInt(x))),
  uint8: (v) => Uint8Array.from(v),
  uint32: (v) => Uint32Array.from(v),
  float16: (v) => Uint16Array.from(v),
};

/** What a node yields: type and logical shape, and the physical shape where it is smaller. */
export interface OutputSpec {
  type: ElementType;
  shape: number[];
  physical?: number[];
  /** The operator need not compute it. */
  optional?: boolean;
}

/** Collects nodes in the order in which they are recorded. */
export class GraphBuilder {
  private readonly nodes: GraphNode[] = [];
  private readonly inputs = new Map<string, Value>();
  private readonly constants = new Map<string, Value>();
  /** Nodes by what they compute, so that the same is computed once. */
  private readonly known = new Map<string, View[]>();
  private readonly numbers = new Map<Value, number>();
  /** What {@link after} made, by its value. */
  private readonly barriers = new Map<Value, { x: Value; other: Value }>();

  input(name: string, type: ElementType, shape: number[]): View {
    const value: Value = { type, shape: [...shape], input: name };
    this.inputs.set(name, value);
    return { value, shape: [...shape] };
  }

  /** A constant of any values; equal values throughout are kept as a scalar. */
  constant(values: ArrayLike<number>, type: ElementType, shape: number[]): View {
    const first = values[0];
    let uniform = values.length > 0;
    for (let i = 1; uniform && i < values.length; i++) uniform = Object.is(values[i], first);
    if (uniform) return this.uniform(Number(first), type, shape);
    return { value: { type, shape: [...shape], data: arrayOf[type](values) }, shape: [...shape] };
  }

  /** A constant whose elements are all `number`: a scalar that stands for `shape`. */
  uniform(number: number, type: ElementType, shape: number[] = []): View {
    const key = `${type}:${Object.is(number, -0) ? '-0' : number}`;
    let value = this.constants.get(key);
    if (!value) {
      const data = arrayOf[type]([number]);
      value = { type, shape: [], data, uniform: Number(data[0]) };
      this.constants.set(key, value);
    }
    return { value, shape: [...shape] };
  }

  /** A vector of int64, as shape and axis operands want it. */
  int64s(values: readonly number[]): Value {
    const key = `int64s:${values}`;
    let value = this.constants.get(key);
    if (!value) {
      value = { type: 'int64', shape: [values.length], data: arrayOf.int64(values) };
      this.constants.set(key, value);
    }
    return value;
  }

  private numberOf(value: Value): number {
    const number = this.numbers.get(value) ?? this.numbers.size;
    this.numbers.set(value, number);
    return number;
  }

  /**
   * Adds a node with any number of outputs, unless the same one exists. Inputs are physical values: see {@link full} for
   * operators that do not broadcast.
   */
  node(
    op: string,
    inputs: Value[],
    outputs: OutputSpec[],
    attributes: Record<string, Attribute> = {},
    domain = '',
  ): View[] {
    const key = JSON.stringify([op, inputs.map((value) => this.numberOf(value)), outputs, attributes]);
    const same = this.known.get(key);
    // A copy is asked for where one value has two names.
    if (same && op !== 'Identity') return same;
    const node: GraphNode = { op, domain, inputs, outputs: [], attributes };
    const views = outputs.map(({ type, shape, physical, optional }): View => {
      const value: Value = { type, shape: physical ?? shape, producer: node, ...(optional && { optional }) };
      node.outputs.push(value);
      return { value, shape };
    });
    this.nodes.push(node);
    this.known.set(key, views);
    return views;
  }

  /** Adds a node with one output. */
  emit(op: string, inputs: Value[], output: OutputSpec, attributes: Record<string, Attribute> = {}, domain = '') {
    return this.node(op, inputs, [output], attributes, domain)[0]!;
  }

  /** Adds an operator that works element by element on broadcast operands, without expanding them. */
  elementwise(op: string, inputs: View[], type: ElementType, attributes: Record<string, Attribute> = {}): View {
    const shape = broadcastShapes(...inputs.map((view) => view.shape));
    const physical = broadcastShapes(...inputs.map((view) => view.value.shape));
    return this.emit(
      op,
      inputs.map((view) => view.value),
      { type, shape, physical },
      attributes,
    );
  }

  /** The value with its logical shape made real. */
  full(view: View): Value {
    if (sameShape(view.value.shape, view.shape)) return view.value;
    return this.emit('Expand', [view.value, this.int64s(view.shape)], { type: view.value.type, shape: view.shape })
      .value;
  }

  /** The same elements in another shape of the same size. */
  reshape(view: View, shape: number[]): View {
    if (sameShape(view.shape, shape)) return view;
    const { value } = view;
    if (value.uniform !== undefined) return { value, shape };
    if (sameShape(value.shape, shape)) return { value, shape };
    if (value.data && sameShape(value.shape, view.shape)) return { value: { ...value, shape: [...shape] }, shape };
    // Without `allowzero`, ONNX copies the extent of the input where the shape says 0.
    const attributes: Record<string, Attribute> = shape.includes(0) ? { allowzero: { int: 1 } } : {};
    return this.emit('Reshape', [this.full(view), this.int64s(shape)], { type: value.type, shape }, attributes);
  }

  cast(view: View, type: ElementType): View {
    if (view.value.type === type) return view;
    if (view.value.uniform !== undefined && type !== 'int64' && type !== 'float16') {
      const number = view.value.uniform;
      return this.uniform(
        type === 'float32' ? number : type === 'bool' ? Number(number !== 0) : Math.trunc(number),
        type,
        view.shape,
      );
    }
    return this.emit(
      'Cast',
      [view.value],
      { type, shape: view.shape, physical: view.value.shape },
      { to: { int: ONNX_TYPES[type] } },
    );
  }

  /**
   * `x`, available only once `other` is: x + 0 · (an element of `other`), which no optimisation removes. Left out again
   * when nothing else needs `other`.
   */
  after(x: View, other: View): View {
    const source = other.value;
    if (source.uniform !== undefined || sizeOf(source.shape) === 0) return x;
    const zero = this.elementwise('Mul', [this.elementOf(source, []), this.uniform(0, 'float32')], 'float32');
    const result = this.elementwise('Add', [x, zero], 'float32');
    this.barriers.set(result.value, { x: x.value, other: source });
    return result;
  }

  /**
   * `x`, of any type, available only once the float32 `other` is, without arithmetic on x: it is reshaped to its own shape,
   * which is computed with a zero (an element of `other` is never less than itself) that no optimisation finds out.
   */
  reshapedAfter(x: View, other: View): View {
    const source = other.value;
    if (source.uniform !== undefined || sizeOf(source.shape) === 0) return x;
    const element = this.elementOf(source, [1]);
    const zero = this.cast(this.elementwise('Less', [element, element], 'bool'), 'int64');
    const shape = { value: this.int64s(x.shape), shape: [x.shape.length] };
    return this.emit('Reshape', [this.full(x), this.elementwise('Add', [shape, zero], 'int64').value], {
      type: x.value.type,
      shape: x.shape,
    });
  }

  /** The first element, in a shape of one element. */
  private elementOf(source: Value, shape: number[]): View {
    const axes = source.shape.map((_, axis) => axis);
    const bounds = [axes.map(() => 0), axes.map(() => 1), axes].map((list) => this.int64s(list));
    const ones = axes.map(() => 1);
    const value =
      axes.length === 0 ? source : this.emit('Slice', [source, ...bounds], { type: source.type, shape: ones }).value;
    return this.reshape({ value, shape: ones }, shape);
  }

  /** Values that the outputs need, when what {@link after} made stands for `x` alone, or for its node. */
  private neededFrom(
    outputs: readonly Value[],
    barrier: (made: { x: Value; other: Value }) => 'skip' | 'node',
  ): Set<Value> {
    const needed = new Set<Value>(outputs);
    for (const node of this.nodes.toReversed()) {
      if (!node.outputs.some((value) => needed.has(value))) continue;
      const made = this.barriers.get(node.outputs[0]!);
      if (made && barrier(made) === 'skip') needed.add(made.x);
      else for (const input of node.inputs) needed.add(input);
    }
    return needed;
  }

  /** Closes the graph: names the outputs and drops every node and input that no output needs. */
  finish(outputs: Record<string, View>): Graph {
    const clash = Object.keys(outputs).find((name) => this.inputs.has(name));
    if (clash !== undefined)
      throw new RatchetError('E_INTERNAL', `The output ${clash} has the name of an input.`, {
        hint: `Give the output another name, such as ${clash}.new.`,
      });
    const taken = new Set<Value>();
    const named = Object.entries(outputs).map(([name, view]) => {
      let value = this.full(view);
      if (!value.producer || taken.has(value))
        value = this.emit('Identity', [value], { type: value.type, shape: view.shape }).value;
      taken.add(value);
      return { name, value };
    });
    const roots = named.map((output) => output.value);
    const withoutBarriers = this.neededFrom(roots, () => 'skip');
    const idle = ({ other }: { other: Value }) => !withoutBarriers.has(other);
    const needed = this.neededFrom(roots, (made) => (idle(made) ? 'skip' : 'node'));
    const isIdle = (value: Value) => this.barriers.has(value) && idle(this.barriers.get(value)!);
    const passed = (value: Value): Value => (isIdle(value) ? passed(this.barriers.get(value)!.x) : value);
    const nodes = this.nodes.filter((node) => node.outputs.some((value) => needed.has(value) && !isIdle(value)));
    for (const node of nodes) node.inputs = node.inputs.map(passed);
    const inputs = [...this.inputs].filter(([, value]) => needed.has(value));
    return {
      inputs: inputs.map(([name, value]) => ({ name, type: value.type, shape: value.shape })),
      nodes,
      outputs: named.map(({ name, value }) => ({ name, value: passed(value) })),
    };
  }
}

/** Numbers of the element types in the ONNX file format (TensorProto.DataType). */
export const ONNX_TYPES: Record<ElementType, number> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  uint32: 12,
};
