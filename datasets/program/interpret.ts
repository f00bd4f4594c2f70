import { checkTypes } from './check-types.js';
import { parseProgram } from './parse-program.js';
import { MATH_METHODS, ProgramError, type Expression, type Program } from './syntax.js';

/** Steps that one run may take: each evaluated node and each visited list item is a step. */
export const DEFAULT_FUEL = 20_000;
const MAX_LIST = 1_000;

/** What a program computes. */
export type Value = number | number[];
type Inner = number | boolean | undefined | number[] | Closure;

interface Closure {
  parameters: string[];
  body: Expression;
  scope: Scope;
}
interface Scope {
  name: string;
  value: Inner;
  outer: Scope | null;
}

/** A program that passed the parser and the type checker. */
export interface CompiledProgram {
  program: Program;
  result: 'number' | 'list';
}

/** Parses and checks a source; throws {@link ProgramError} of kind `syntax`, `type` or `limit`. */
export function compileProgram(source: string): CompiledProgram {
  const program = parseProgram(source);
  return { program, result: checkTypes(program) };
}

/**
 * Runs a program on one list of numbers. Safe by construction: only the nodes of the syntax tree exist, names resolve
 * in our own scopes, and members are an allow-list; neither JavaScript's `eval` nor property lookup is involved.
 * Throws {@link ProgramError} of kind `limit` when the fuel is used up and `runtime` when the operation has no result.
 */
export function interpret(compiled: CompiledProgram, input: readonly number[], fuel: number = DEFAULT_FUEL): Value {
  const machine = new Machine(fuel);
  let scope: Scope = { name: 'xs', value: [...input], outer: null };
  for (const { name, value } of compiled.program.constants) {
    scope = { name, value: machine.evaluate(value, scope), outer: scope };
  }
  return machine.evaluate(compiled.program.result, scope) as Value;
}

class Machine {
  constructor(private fuel: number) {}

  evaluate(node: Expression, scope: Scope): Inner {
    this.burn(1);
    switch (node.type) {
      case 'number':
      case 'constant':
        return node.value;
      case 'name':
        return lookup(scope, node.name);
      case 'array':
        return node.items.map((item) => this.number(item, scope));
      case 'unary': {
        if (node.operator === '!') return !truthy(this.evaluate(node.operand, scope));
        const value = this.number(node.operand, scope);
        return node.operator === '-' ? -value : value;
      }
      case 'binary':
        return this.binary(node, scope);
      case 'logical': {
        const left = this.evaluate(node.left, scope);
        const useRight =
          node.operator === '??' ? left === undefined : node.operator === '||' ? !truthy(left) : truthy(left);
        return useRight ? this.evaluate(node.right, scope) : left;
      }
      case 'conditional':
        return this.evaluate(truthy(this.evaluate(node.test, scope)) ? node.consequent : node.alternate, scope);
      case 'function':
        return { parameters: node.parameters, body: node.body, scope };
      case 'length':
        return this.list(node.object, scope).length;
      case 'index':
        return this.list(node.object, scope)[this.number(node.index, scope)];
      case 'math':
        return MATH_METHODS.get(node.method)!(...node.arguments.map((value) => this.number(value, scope)));
      case 'method':
        return this.method(node, scope);
    }
  }

  private binary({ operator, left, right }: Expression & { type: 'binary' }, scope: Scope): Inner {
    if (operator === '===') return this.evaluate(left, scope) === this.evaluate(right, scope);
    if (operator === '!==') return this.evaluate(left, scope) !== this.evaluate(right, scope);
    const a = this.number(left, scope);
    const b = this.number(right, scope);
    switch (operator) {
      case '+':
        return a + b;
      case '-':
        return a - b;
      case '*':
        return a * b;
      case '/':
        return a / b;
      case '%':
        return a % b;
      case '<':
        return a < b;
      case '<=':
        return a <= b;
      case '>':
        return a > b;
      case '>=':
        return a >= b;
    }
  }

  private method(node: Expression & { type: 'method' }, scope: Scope): Inner {
    const list = this.list(node.object, scope);
    this.burn(list.length);
    const [first, second] = node.arguments;
    const number = (argument: Expression | undefined) =>
      argument === undefined ? undefined : this.number(argument, scope);
    const callback = () => this.evaluate(first!, scope) as Closure;
    switch (node.method) {
      case 'filter': {
        const test = callback();
        return list.filter((item, index) => truthy(this.call(test, [item, index, list])));
      }
      case 'some': {
        const test = callback();
        return list.some((item, index) => truthy(this.call(test, [item, index, list])));
      }
      case 'every': {
        const test = callback();
        return list.every((item, index) => truthy(this.call(test, [item, index, list])));
      }
      case 'map': {
        const change = callback();
        return list.map((item, index) => asNumber(this.call(change, [item, index, list])));
      }
      case 'toSorted': {
        const compare = callback();
        return list.toSorted((a, b) => asNumber(this.call(compare, [a, b])));
      }
      case 'reduce':
        return this.reduce(list, callback(), number(second));
      case 'toReversed':
        return list.toReversed();
      case 'slice':
        return list.slice(number(first), number(second));
      case 'indexOf':
        return list.indexOf(number(first)!);
      case 'includes':
        return list.includes(number(first)!);
      case 'at':
        return list.at(number(first)!);
      case 'concat': {
        const joined = [...list, ...this.list(first!, scope)];
        if (joined.length > MAX_LIST) throw new ProgramError('limit', `a list of more than ${MAX_LIST} items`);
        return joined;
      }
      default:
        throw new ProgramError('runtime', `.${node.method} is not in the language`);
    }
  }

  private reduce(list: number[], combine: Closure, initial: number | undefined): number {
    if (initial === undefined && list.length === 0) throw new ProgramError('runtime', 'reduce of an empty list');
    let result = initial ?? list[0]!;
    for (let index = initial === undefined ? 1 : 0; index < list.length; index++) {
      result = asNumber(this.call(combine, [result, list[index]!, index, list]));
    }
    return result;
  }

  private call(closure: Closure, values: Inner[]): Inner {
    let scope = closure.scope;
    for (const [index, name] of closure.parameters.entries()) scope = { name, value: values[index], outer: scope };
    return this.evaluate(closure.body, scope);
  }

  private number(node: Expression, scope: Scope): number {
    return asNumber(this.evaluate(node, scope));
  }

  private list(node: Expression, scope: Scope): number[] {
    const value = this.evaluate(node, scope);
    if (!Array.isArray(value)) throw new ProgramError('runtime', 'not a list');
    return value;
  }

  private burn(steps: number): void {
    this.fuel -= steps;
    if (this.fuel < 0) throw new ProgramError('limit', 'out of fuel');
  }
}

function lookup(start: Scope, name: string): Inner {
  for (let scope: Scope | null = start; scope !== null; scope = scope.outer)
    if (scope.name === name) return scope.value;
  throw new ProgramError('runtime', `unknown name ${name}`);
}

function asNumber(value: Inner): number {
  if (typeof value !== 'number') throw new ProgramError('runtime', 'not a number');
  return value;
}

const truthy = (value: Inner) => (typeof value === 'object' ? true : Boolean(value));
