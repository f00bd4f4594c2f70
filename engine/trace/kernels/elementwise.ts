import type { ElementType, GraphBuilder, Value, View } from '../graph.js';
import { broadcastShapes, sameShape } from '../graph.js';
import type { KernelTable, RecordKernel } from './kernel.js';

const like = (graph: GraphBuilder, view: View, number: number): View => graph.uniform(number, view.value.type);

/** Arithmetic has no boolean form in ONNX. */
const numeric = (graph: GraphBuilder, view: View): View =>
  view.value.type === 'bool' ? graph.cast(view, 'int32') : view;

const floating = (graph: GraphBuilder, view: View): View => graph.cast(view, 'float32');

/** A sum of rows by index added to another tensor of its shape: the rows are added to that instead of to zeros. */
function addedRows(a: View, b: View, graph: GraphBuilder): View | null {
  for (const [sum, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const { producer, shape } = sum.value;
    if (producer?.op !== 'ScatterElements' || !sameShape(shape, other.value.shape)) continue;
    const [base, ...rest] = producer.inputs as [Value, Value, Value];
    const isZero = base.producer?.op === 'Expand' && base.producer.inputs[0]!.uniform === 0;
    if (isZero) return graph.emit(producer.op, [other.value, ...rest], { type: 'float32', shape }, producer.attributes);
  }
  return null;
}

/** The view under a larger logical shape. */
const broadcast = (view: View, shape: number[]): View => ({ value: view.value, shape });

const float =
  (op: string): RecordKernel =>
  (graph, { x }) =>
    graph.elementwise(op, [floating(graph, x!)], 'float32');

/** Operators that keep the element type. */
const same =
  (op: string): RecordKernel =>
  (graph, { x }) => {
    const operand = numeric(graph, x!);
    return graph.elementwise(op, [operand], operand.value.type);
  };

/** Rounding of whole numbers is the identity. */
const rounding =
  (op: string): RecordKernel =>
  (graph, { x }) =>
    x!.value.type === 'float32' ? graph.elementwise(op, [x!], 'float32') : x!;

const arithmetic =
  (op: string): RecordKernel =>
  (graph, { a, b }) => {
    const [left, right] = [numeric(graph, a!), numeric(graph, b!)];
    const shape = broadcastShapes(left.shape, right.shape);
    if (op === 'Mul' && right.value.uniform === 1) return broadcast(left, shape);
    if (op === 'Mul' && left.value.uniform === 1) return broadcast(right, shape);
    if ((op === 'Add' || op === 'Sub') && right.value.uniform === 0) return broadcast(left, shape);
    if (op === 'Add' && left.value.uniform === 0) return broadcast(right, shape);
    if (op === 'Div' && right.value.uniform === 1) return broadcast(left, shape);
    const merged = op === 'Add' && left.value.type === 'float32' ? addedRows(left, right, graph) : null;
    if (merged) return { value: merged.value, shape };
    return graph.elementwise(op, [left, right], left.value.type);
  };

const comparison =
  (op: string): RecordKernel =>
  (graph, { a, b }) => {
    const ordered = op !== 'Equal';
    const operands = ordered ? [numeric(graph, a!), numeric(graph, b!)] : [a!, b!];
    return graph.elementwise(op, operands, 'bool');
  };

const logical =
  (op: string): RecordKernel =>
  (graph, { a, b }) =>
    graph.elementwise(op, [graph.cast(a!, 'bool'), graph.cast(b!, 'bool')], 'bool');

const not = (graph: GraphBuilder, view: View): View => graph.elementwise('Not', [view], 'bool');

const clip = (graph: GraphBuilder, x: View, low: number, high: number): View =>
  graph.emit('Clip', [x.value, like(graph, x, low).value, like(graph, x, high).value], {
    type: x.value.type,
    shape: x.shape,
    physical: x.value.shape,
  });

const where = (graph: GraphBuilder, condition: View, yes: View, no: View): View =>
  graph.elementwise('Where', [condition, yes, no], yes.value.type);

/** True where the remainder is not zero and its sign differs from the divisor's: where truncation and floor differ. */
function needsFloor(graph: GraphBuilder, remainder: View, divisor: View): View {
  const zero = like(graph, divisor, 0);
  const differs = graph.elementwise(
    'Xor',
    [graph.elementwise('Less', [remainder, zero], 'bool'), graph.elementwise('Less', [divisor, zero], 'bool')],
    'bool',
  );
  return graph.elementwise('And', [differs, not(graph, graph.elementwise('Equal', [remainder, zero], 'bool'))], 'bool');
}

const mod: RecordKernel = (graph, { a, b }) => {
  const type = a!.value.type;
  const remainder = graph.elementwise('Mod', [a!, b!], type, { fmod: { int: 1 } });
  const shifted = graph.elementwise('Add', [remainder, b!], type);
  return where(graph, needsFloor(graph, remainder, b!), shifted, remainder);
};

const floorDiv: RecordKernel = (graph, { a, b }) => {
  const type = a!.value.type;
  const quotient = graph.elementwise('Div', [a!, b!], type);
  if (type === 'float32') return graph.elementwise('Floor', [quotient], type);
  const product = graph.elementwise('Mul', [quotient, b!], type);
  const remainder = graph.elementwise('Sub', [a!, product], type);
  const below = graph.elementwise('Sub', [quotient, like(graph, b!, 1)], type);
  return where(graph, needsFloor(graph, remainder, b!), below, quotient);
};

const square = (graph: GraphBuilder, x: View): View => {
  const operand = numeric(graph, x);
  return graph.elementwise('Mul', [operand, operand], operand.value.type);
};

const sum =
  (op: string, constant: number, type: ElementType = 'float32'): RecordKernel =>
  (graph, { x }) =>
    graph.elementwise(op, [floating(graph, x!), graph.uniform(constant, type)], type);

/** Kernels that work element by element: operands keep their broadcast (physical) shape. */
export const elementwiseKernels: KernelTable = {
  Add: arithmetic('Add'),
  Sub: arithmetic('Sub'),
  Multiply: arithmetic('Mul'),
  RealDiv: arithmetic('Div'),
  Maximum: arithmetic('Max'),
  Minimum: arithmetic('Min'),
  Pow: arithmetic('Pow'),
  Mod: mod,
  FloorDiv: floorDiv,
  SquaredDifference: (graph, { a, b }) => square(graph, graph.elementwise('Sub', [a!, b!], a!.value.type)),
  AddN: (graph, operands) => {
    const views = Object.values(operands);
    if (views[0]!.value.type === 'float32') return graph.elementwise('Sum', views, 'float32');
    return views.reduce((total, view) => graph.elementwise('Add', [total, view], view.value.type));
  },

  Equal: comparison('Equal'),
  NotEqual: (graph, { a, b }) => not(graph, graph.elementwise('Equal', [a!, b!], 'bool')),
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  LogicalAnd: logical('And'),
  LogicalOr: logical('Or'),
  LogicalXor: logical('Xor'),
  LogicalNot: (graph, { x }) => not(graph, graph.cast(x!, 'bool')),
  IsNan: (graph, { x }) => graph.elementwise('IsNaN', [floating(graph, x!)], 'bool'),
  IsInf: (graph, { x }) => graph.elementwise('IsInf', [floating(graph, x!)], 'bool'),
  IsFinite: (graph, { x }) => {
    const operand = floating(graph, x!);
    const infinite = graph.elementwise('IsInf', [operand], 'bool');
    return not(graph, graph.elementwise('Or', [infinite, graph.elementwise('IsNaN', [operand], 'bool')], 'bool'));
  },
  Select: (graph, { condition, t, e }) => {
    const rank = t!.shape.length;
    const oneAxis = condition!.shape.length === 1 && rank > 1;
    const aligned = oneAxis
      ? graph.reshape(condition!, [condition!.shape[0]!, ...t!.shape.slice(1).map(() => 1)])
      : condition!;
    return where(graph, aligned, t!, e!);
  },

  Abs: same('Abs'),
  Neg: same('Neg'),
  Sign: same('Sign'),
  Relu: same('Relu'),
  Ceil: rounding('Ceil'),
  Floor: rounding('Floor'),
  Round: rounding('Round'),
  Exp: float('Exp'),
  Expm1: (graph, { x }) =>
    graph.elementwise(
      'Sub',
      [graph.elementwise('Exp', [floating(graph, x!)], 'float32'), graph.uniform(1, 'float32')],
      'float32',
    ),
  Log: float('Log'),
  Log1p: (graph, { x }) => graph.elementwise('Log', [sum('Add', 1)(graph, { x: x! }, {}) as View], 'float32'),
  Sqrt: float('Sqrt'),
  Rsqrt: (graph, { x }) =>
    graph.elementwise('Reciprocal', [graph.elementwise('Sqrt', [floating(graph, x!)], 'float32')], 'float32'),
  Reciprocal: float('Reciprocal'),
  Square: (graph, { x }) => square(graph, x!),
  Sigmoid: float('Sigmoid'),
  Tanh: float('Tanh'),
  Erf: float('Erf'),
  Softplus: float('Softplus'),
  Sin: float('Sin'),
  Cos: float('Cos'),
  Tan: float('Tan'),
  Asin: float('Asin'),
  Acos: float('Acos'),
  Atan: float('Atan'),
  Sinh: float('Sinh'),
  Cosh: float('Cosh'),
  Asinh: float('Asinh'),
  Acosh: float('Acosh'),
  Atanh: float('Atanh'),
  Relu6: (graph, { x }) => clip(graph, x!, 0, 6),
  Elu: float('Elu'),
  EluGrad: (graph, { dy, y }) => {
    const one = graph.uniform(1, 'float32');
    const scaled = graph.elementwise('Mul', [dy!, graph.elementwise('Add', [y!, one], 'float32')], 'float32');
    const positive = graph.elementwise('GreaterOrEqual', [y!, graph.uniform(0, 'float32')], 'bool');
    return where(graph, positive, dy!, scaled);
  },
  Selu: float('Selu'),
  LeakyRelu: (graph, { x }, { alpha }) =>
    graph.elementwise('LeakyRelu', [floating(graph, x!)], 'float32', { alpha: { float: alpha } }),
  Prelu: (graph, { x, alpha }) => {
    const [operand, slope] = [floating(graph, x!), floating(graph, alpha!)];
    const negative = graph.elementwise('Less', [operand, graph.uniform(0, 'float32')], 'bool');
    return where(graph, negative, graph.elementwise('Mul', [operand, slope], 'float32'), operand);
  },
  Step: (graph, { x }, { alpha }) => {
    const operand = numeric(graph, x!);
    const { type } = operand.value;
    const positive = graph.elementwise('Greater', [operand, like(graph, operand, 0)], 'bool');
    if (!alpha) return graph.cast(positive, type);
    return where(graph, positive, graph.uniform(1, type), graph.uniform(alpha, type));
  },
  ClipByValue: (graph, { x }, { clipValueMin, clipValueMax }) => clip(graph, x!, clipValueMin, clipValueMax),
  Cast: (graph, { x }, { dtype }) => graph.cast(x!, dtype),
  Identity: (_, { x }) => x!,
  StopGradient: (_, { x }) => x!,
};
