import { Interpreter, type Environment } from '@huggingface/jinja';
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
}

/** The library's own methods that are replaced below; it is pinned to an exact version for that. */
interface Internals {
  evaluate(node: Node | undefined, environment: Environment): TemplateValue;
  evaluateBlock(nodes: Node[], environment: Environment): TemplateValue;
  run(program: unknown): TemplateValue;
}

/** Statements whose value is no output, although the library evaluates them to null. */
const SILENT: ReadonlySet<string> = new Set(['Set', 'Macro', 'Comment', 'Break', 'Continue']);

/**
 * The interpreter of @huggingface/jinja with what differs from Jinja2 on Python set right: values print and compare as
 * in Python, white space is Python's, texts count in code points, `capitalize` lowers the rest.
 */
export function createInterpreter(environment: Environment): { run(program: unknown): string } {
  const interpreter = new Interpreter(environment) as unknown as Internals;
  const original = interpreter.evaluate.bind(interpreter);
  interpreter.evaluate = (node, scope) => {
    const own = node === undefined ? null : evaluateAsPython(interpreter, node, scope);
    return own ?? original(node, scope);
  };
  interpreter.evaluateBlock = (nodes, scope) => {
    let text = '';
    for (const node of nodes) {
      const value = interpreter.evaluate(node, scope);
      if (!SILENT.has(node.type)) text += pythonText(value);
    }
    return templateValue(text);
  };
  return { run: (program) => pythonText(interpreter.run(program)) };
}

function evaluateAsPython(interpreter: Internals, node: Node, scope: Environment): TemplateValue | null {
  if (node.type === 'BinaryExpression') return evaluateOperator(interpreter, node, scope);
  if (node.type === 'CallExpression') return evaluateMethod(interpreter, node, scope);
  if (node.type === 'FilterExpression') return evaluateFilter(interpreter, node, scope);
  return null;
}

function evaluateOperator(interpreter: Internals, node: Node, scope: Environment): TemplateValue | null {
  const name = node.operator!.value;
  if (!['==', '!=', '~'].includes(name)) return null;
  const [left, right] = [interpreter.evaluate(node.left, scope), interpreter.evaluate(node.right, scope)];
  if (name === '~') return templateValue(pythonText(left) + pythonText(right));
  return templateValue(pythonEquals(left, right) === (name === '=='));
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
