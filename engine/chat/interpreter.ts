import { Environment, Interpreter } from '@huggingface/jinja';
import { applyFilter, itemsOf, type FilterCall } from './python-filters.js';
import { callTextMethod, type Arguments } from './python-methods.js';
import { contains, findTest, pythonCompare } from './python-tests.js';
import { floatValue, listValue, pythonEquals, pythonText, templateValue, type TemplateValue } from './python-values.js';

/** A node of the library's syntax tree, as far as it is read here. */
interface Node {
  type: string;
  operator?: { value: string };
  left?: Node;
  right?: Node;
  operand?: Node;
  filter?: Node;
  callee?: Node;
  object?: Node;
  property?: Node;
  computed?: boolean;
  args?: Node[];
  value?: unknown;
  body?: Node[];
  iterable?: Node;
  lhs?: Node;
  test?: Node;
  negate?: boolean;
  /** Of a node that is none of the library's, see {@link computed}. */
  result?: TemplateValue;
}

/** The library's own methods that are replaced below; it is pinned to an exact version for that. */
interface Internals {
  evaluate(node: Node | undefined, environment: Environment): TemplateValue;
  evaluateBlock(nodes: Node[], environment: Environment): TemplateValue;
  evaluateArguments(args: Node[], environment: Environment): Arguments;
  run(program: unknown): TemplateValue;
}

/** Statements whose value is no output, although the library evaluates them to null. */
const SILENT: ReadonlySet<string> = new Set(['Set', 'Macro', 'Comment']);

/** Leaves a round of a loop; carries what the round has written so far, which the library would drop. */
class LoopControl extends Error {
  text = '';

  constructor(readonly node: Node) {
    super(`${node.type.toLowerCase()} outside a loop`);
  }
}

/**
 * The interpreter of @huggingface/jinja with what differs from Jinja2 on Python set right: values print and compare as
 * in Python, white space is Python's, texts count in code points, `capitalize` lowers the rest, a round of a loop
 * neither passes on what it set nor loses what it wrote before `break` or `continue`.
 */
export function createInterpreter(environment: Environment): { run(program: unknown): string } {
  const interpreter = new Interpreter(environment) as unknown as Internals;
  const original = interpreter.evaluate.bind(interpreter);
  const loopBodies = new WeakSet<Node[]>();
  const loopSources = new WeakSet<Node>();
  /** What the round that ended its loop had written. */
  let brokenOff = '';
  interpreter.evaluate = (node, scope) => {
    if (node?.type === 'Break' || node?.type === 'Continue') throw new LoopControl(node);
    if (node?.type === 'For' && node.body !== undefined) {
      loopBodies.add(node.body);
      const { iterable } = node;
      loopSources.add(iterable?.type === 'SelectExpression' ? iterable.lhs! : iterable!);
      const text = pythonText(original(node, scope)) + brokenOff;
      brokenOff = '';
      return templateValue(text);
    }
    const own = node === undefined ? null : evaluateAsPython(interpreter, node, scope);
    const value = own === null ? original(node, scope) : isValue(own) ? own : original(own, scope);
    if (node === undefined || !loopSources.has(node) || value.type === 'ObjectValue') return value;
    // Texts are looped over by character, and an undefined value not at all.
    const items = itemsOf(value);
    return items === null ? value : listValue(items);
  };
  interpreter.evaluateBlock = (nodes, outer) => {
    // What one round of a loop sets, the next does not see.
    const scope = loopBodies.has(nodes) ? new Environment(outer) : outer;
    let text = '';
    try {
      for (const node of nodes) {
        const value = interpreter.evaluate(node, scope);
        if (!SILENT.has(node.type)) text += pythonText(value);
      }
    } catch (error) {
      if (!(error instanceof LoopControl)) throw error;
      text += error.text;
      if (!loopBodies.has(nodes)) {
        error.text = text;
        throw error;
      }
      if (error.node.type === 'Break') {
        brokenOff = text;
        original(error.node, scope);
      }
    }
    return templateValue(text);
  };
  return { run: (program) => pythonText(interpreter.run(program)) };
}

const isValue = (own: TemplateValue | Node): own is TemplateValue => '__bool__' in own;

/** A node that stands for a value computed already, so that the library does not evaluate its source again. */
const computed = (result: TemplateValue): Node => ({ type: 'Computed', result });

/** What to do instead of the library: a value, or a node for it whose parts are computed; null leaves the node to it. */
function evaluateAsPython(interpreter: Internals, node: Node, scope: Environment): TemplateValue | Node | null {
  switch (node.type) {
    case 'Computed':
      return node.result!;
    case 'BinaryExpression':
      return evaluateOperator(interpreter, node, scope);
    case 'CallExpression':
      return evaluateMethod(interpreter, node, scope);
    case 'MemberExpression':
      return evaluateMember(interpreter, node, scope);
    case 'FilterExpression':
      return evaluateFilter(interpreter, node, scope);
    case 'TestExpression':
      return evaluateTest(interpreter, node, scope);
    default:
      return null;
  }
}

const NUMBERS: ReadonlySet<string> = new Set(['IntegerValue', 'FloatValue']);

function evaluateOperator(interpreter: Internals, node: Node, scope: Environment): TemplateValue | Node | null {
  const name = node.operator!.value;
  // These two need not evaluate their right side.
  if (name === 'and' || name === 'or') return null;
  const [left, right] = [interpreter.evaluate(node.left, scope), interpreter.evaluate(node.right, scope)];
  const [a, b] = [left.value, right.value];
  switch (name) {
    case '~':
      return templateValue(pythonText(left) + pythonText(right));
    case '==':
    case '!=':
      return templateValue(pythonEquals(left, right) === (name === '=='));
    case 'in':
    case 'not in':
      return templateValue(contains(right, left) === (name === 'in'));
    case '<':
      return templateValue(pythonCompare(left, right) < 0);
    case '>':
      return templateValue(pythonCompare(left, right) > 0);
    case '<=':
      return templateValue(pythonCompare(left, right) <= 0);
    case '>=':
      return templateValue(pythonCompare(left, right) >= 0);
    case '+':
      if ((left.type === 'StringValue') !== (right.type === 'StringValue')) {
        throw new Error(`${left.type} and ${right.type} cannot be added`);
      }
      break;
    case '*':
      if (left.type === 'StringValue' && right.type === 'IntegerValue') {
        return templateValue((a as string).repeat(Math.max(0, b as number)));
      }
      break;
    case '/':
    case '//':
    case '%':
      if (NUMBERS.has(left.type) && NUMBERS.has(right.type)) {
        if (b === 0) throw new Error('division by zero');
        if (name !== '%') break;
        // The remainder has the sign of the divisor.
        const rest = (((a as number) % (b as number)) + (b as number)) % (b as number);
        return left.type === 'IntegerValue' && right.type === 'IntegerValue' ? templateValue(rest) : floatValue(rest);
      }
  }
  return { ...node, left: computed(left), right: computed(right) };
}

/** Methods of Python's `dict`: `value.items` is the method, also where the dictionary has such a key. */
const DICTIONARY_METHODS: ReadonlySet<string> = new Set(['items', 'keys', 'values', 'get']);

/** `value.name` and `value[index]`: an error for an undefined value, code points of a text. */
function evaluateMember(interpreter: Internals, node: Node, scope: Environment): TemplateValue | Node | null {
  const object = interpreter.evaluate(node.object, scope);
  const name = node.computed === true ? null : String(node.property!.value);
  if (object.type === 'UndefinedValue') {
    const { type, value, property } = node.object!;
    throw new Error(`'${String(type === 'Identifier' ? value : (property?.value ?? 'value'))}' is undefined`);
  }
  if (name !== null && object.type === 'ObjectValue' && DICTIONARY_METHODS.has(name)) {
    return object.builtins.get(name) ?? null;
  }
  const hasIndex = name === null && node.property!.type !== 'SliceExpression';
  if (hasIndex && (object.type === 'StringValue' || object.type === 'ObjectValue')) {
    const index = interpreter.evaluate(node.property, scope);
    if (object.type === 'ObjectValue' && index.type !== 'StringValue') return templateValue(undefined);
    if (object.type === 'StringValue' && index.type === 'IntegerValue')
      return templateValue([...(object.value as string)].at(index.value as number));
    return { ...node, object: computed(object), property: computed(index) };
  }
  return { ...node, object: computed(object) };
}

function evaluateMethod(interpreter: Internals, node: Node, scope: Environment): TemplateValue | Node | null {
  const callee = node.callee!;
  if (callee.type !== 'MemberExpression' || callee.computed === true) return null;
  const object = interpreter.evaluate(callee.object, scope);
  if (object.type === 'StringValue') {
    const args = interpreter.evaluateArguments(node.args ?? [], scope);
    const result = callTextMethod(String(callee.property!.value), object.value as string, args);
    if (result !== null) return result;
  }
  // An undefined value keeps its node: the error names it.
  return object.type === 'UndefinedValue' ? null : { ...node, callee: { ...callee, object: computed(object) } };
}

function evaluateFilter(interpreter: Internals, node: Node, scope: Environment): TemplateValue | Node | null {
  const filter = node.filter!;
  const name = String(filter.type === 'CallExpression' ? filter.callee!.value : filter.value);
  const operand = interpreter.evaluate(node.operand, scope);
  const args: Arguments =
    filter.type === 'CallExpression' ? interpreter.evaluateArguments(filter.args ?? [], scope) : [[], new Map()];
  const call: FilterCall = (other, value, given) =>
    applyFilter(other, value, given, call) ??
    interpreter.evaluate(
      { type: 'FilterExpression', operand: computed(value), filter: { type: 'Identifier', value: other } },
      scope,
    );
  return applyFilter(name, operand, args, call) ?? { ...node, operand: computed(operand) };
}

function evaluateTest(interpreter: Internals, node: Node, scope: Environment): TemplateValue | Node | null {
  const operand = interpreter.evaluate(node.operand, scope);
  const test = findTest(String(node.test!.value));
  if (test === null) return { ...node, operand: computed(operand) };
  return templateValue(test(operand, undefined) !== node.negate);
}
