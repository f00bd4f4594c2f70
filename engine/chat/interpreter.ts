import { Environment, Interpreter } from '@huggingface/jinja';
import {
  pythonCapitalize,
  pythonEquals,
  pythonStrip,
  pythonText,
  templateValue,
  type TemplateValue,
} from './python-values.js';

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
}

/** The library's own methods that are replaced below; it is pinned to an exact version for that. */
interface Internals {
  evaluate(node: Node | undefined, environment: Environment): TemplateValue;
  evaluateBlock(nodes: Node[], environment: Environment): TemplateValue;
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
  /** What the round that ended its loop had written. */
  let brokenOff = '';
  interpreter.evaluate = (node, scope) => {
    if (node?.type === 'Break' || node?.type === 'Continue') throw new LoopControl(node);
    if (node?.type === 'For' && node.body !== undefined) {
      loopBodies.add(node.body);
      const text = pythonText(original(node, scope)) + brokenOff;
      brokenOff = '';
      return templateValue(text);
    }
    const own = node === undefined ? null : evaluateAsPython(interpreter, node, scope);
    return own ?? original(node, scope);
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

function evaluateAsPython(interpreter: Internals, node: Node, scope: Environment): TemplateValue | null {
  if (node.type === 'BinaryExpression') return evaluateOperator(interpreter, node, scope);
  if (node.type === 'CallExpression') return evaluateMethod(interpreter, node, scope);
  if (node.type === 'MemberExpression') return evaluateMember(interpreter, node, scope);
  if (node.type === 'FilterExpression') return evaluateFilter(interpreter, node, scope);
  return null;
}

const OPERATORS: ReadonlySet<string> = new Set(['==', '!=', '~', 'in', 'not in', '<', '>', '<=', '>=', '*', '%']);

/** Operators whose meaning differs; null leaves the rest of them to the library, which evaluates its operands again. */
function evaluateOperator(interpreter: Internals, node: Node, scope: Environment): TemplateValue | null {
  const name = node.operator!.value;
  if (!OPERATORS.has(name)) return null;
  const [left, right] = [interpreter.evaluate(node.left, scope), interpreter.evaluate(node.right, scope)];
  if (name === '~') return templateValue(pythonText(left) + pythonText(right));
  if (name === '==' || name === '!=') return templateValue(pythonEquals(left, right) === (name === '=='));
  if (name === 'in' || name === 'not in') {
    if (right.type !== 'ArrayValue' && right.type !== 'TupleValue') return null;
    const found = (right.value as TemplateValue[]).some((item) => pythonEquals(left, item));
    return templateValue(found === (name === 'in'));
  }
  const [a, b] = [left.value, right.value];
  if (name === '%' && left.type === 'IntegerValue' && right.type === 'IntegerValue' && b !== 0) {
    // The remainder has the sign of the divisor.
    return templateValue((((a as number) % (b as number)) + (b as number)) % (b as number));
  }
  if (left.type !== 'StringValue') return null;
  if (name === '*' && right.type === 'IntegerValue')
    return templateValue((a as string).repeat(Math.max(0, b as number)));
  if (right.type !== 'StringValue' || name === '*' || name === '%') return null;
  const order = Buffer.compare(Buffer.from(a as string), Buffer.from(b as string));
  return templateValue(name === '<' ? order < 0 : name === '>' ? order > 0 : name === '<=' ? order <= 0 : order >= 0);
}

/** `text[i]` by code point. */
function evaluateMember(interpreter: Internals, node: Node, scope: Environment): TemplateValue | null {
  if (node.computed !== true || node.property!.type === 'SliceExpression') return null;
  const object = interpreter.evaluate(node.object, scope);
  if (object.type !== 'StringValue') return null;
  const index = interpreter.evaluate(node.property, scope);
  return index.type === 'IntegerValue' ? templateValue([...(object.value as string)].at(index.value as number)) : null;
}

/** `text.strip(…)`, `text.lstrip(…)`, `text.rstrip(…)` and `text.capitalize()`. */
function evaluateMethod(interpreter: Internals, node: Node, scope: Environment): TemplateValue | null {
  const callee = node.callee!;
  if (callee.type !== 'MemberExpression' || callee.computed === true) return null;
  const name = callee.property!.value;
  if (name !== 'strip' && name !== 'lstrip' && name !== 'rstrip' && name !== 'capitalize') return null;
  const object = interpreter.evaluate(callee.object, scope);
  if (object.type !== 'StringValue') return null;
  const text = object.value as string;
  if (name === 'capitalize') return templateValue(pythonCapitalize(text));
  const [argument] = node.args ?? [];
  const characters = argument === undefined ? undefined : interpreter.evaluate(argument, scope).value;
  return templateValue(pythonStrip(text, name, typeof characters === 'string' ? characters : undefined));
}

/** `text | trim`, `text | length`, `text | capitalize` and `value | string`. */
function evaluateFilter(interpreter: Internals, node: Node, scope: Environment): TemplateValue | null {
  if (node.filter!.type !== 'Identifier') return null;
  const name = node.filter!.value as string;
  if (!['trim', 'length', 'count', 'capitalize', 'string'].includes(name)) return null;
  const operand = interpreter.evaluate(node.operand, scope);
  if (name === 'string') return templateValue(pythonText(operand));
  if (operand.type !== 'StringValue') return null;
  const text = operand.value as string;
  if (name === 'trim') return templateValue(pythonStrip(text, 'strip'));
  if (name === 'capitalize') return templateValue(pythonCapitalize(text));
  return templateValue([...text].length);
}
