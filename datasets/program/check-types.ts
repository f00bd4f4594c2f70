import { ARRAY_METHODS, MATH_METHODS, ProgramError, type Expression, type Program } from './syntax.js';

/** Types of the expression language. `maybe` is `number | undefined`, what `.at` gives. */
export type ValueType = 'number' | 'boolean' | 'undefined' | 'maybe' | 'list' | FunctionType;

/** A function literal: checked where it is called, because only there its parameters have types. */
interface FunctionType {
  parameters: string[];
  body: Expression;
  scope: Scope;
}
type Scope = ReadonlyMap<string, ValueType>;

/**
 * Infers the type of a program's result; throws {@link ProgramError} of kind `type` where TypeScript (strict) would
 * refuse it as the body of `(xs: number[]) => number | number[]`. `list` is `number[]`. Functions exist only as
 * arguments of array methods.
 */
export function checkTypes(program: Program): 'number' | 'list' {
  let scope: Scope = new Map<string, ValueType>([['xs', 'list']]);
  for (const { name, value } of program.constants) scope = new Map([...scope, [name, plain(value, scope, name)]]);
  const result = plain(program.result, scope, 'the result');
  if (result !== 'number' && result !== 'list')
    return fail(`the result is ${describe(result)}, not a number or a list`);
  return result;
}

function plain(expression: Expression, scope: Scope, where: string): Exclude<ValueType, FunctionType> {
  const type = infer(expression, scope);
  return typeof type === 'object' ? fail(`${where} is a function`) : type;
}

function need(expression: Expression, scope: Scope, wanted: ValueType, where: string): void {
  const type = infer(expression, scope);
  if (type !== wanted) fail(`${where} needs ${describe(wanted)}, not ${describe(type)}`);
}

function infer(expression: Expression, scope: Scope): ValueType {
  switch (expression.type) {
    case 'number':
      return 'number';
    case 'constant':
      return expression.value === undefined ? 'undefined' : 'boolean';
    case 'name':
      return scope.get(expression.name) ?? fail(`unknown name ${expression.name}`);
    case 'array':
      for (const item of expression.items) need(item, scope, 'number', 'a list');
      return 'list';
    case 'unary':
      if (expression.operator === '!') {
        plain(expression.operand, scope, '!');
        return 'boolean';
      }
      need(expression.operand, scope, 'number', expression.operator);
      return 'number';
    case 'binary':
      return binary(expression, scope);
    case 'logical':
      return logical(expression, scope);
    case 'conditional': {
      plain(expression.test, scope, '?');
      return join(plain(expression.consequent, scope, '?'), plain(expression.alternate, scope, ':'));
    }
    case 'function':
      return { parameters: expression.parameters, body: expression.body, scope };
    case 'length':
      need(expression.object, scope, 'list', '.length');
      return 'number';
    case 'index':
      need(expression.object, scope, 'list', '[]');
      need(expression.index, scope, 'number', '[]');
      return 'number';
    case 'math':
      return math(expression, scope);
    case 'method':
      return method(expression, scope);
  }
}

function binary(expression: Expression & { type: 'binary' }, scope: Scope): ValueType {
  const { operator, left, right } = expression;
  if (operator === '===' || operator === '!==') {
    const [a, b] = [plain(left, scope, operator), plain(right, scope, operator)];
    if (a !== b && !(isNumeric(a) && isNumeric(b))) fail(`${operator} compares ${describe(a)} with ${describe(b)}`);
    return 'boolean';
  }
  need(left, scope, 'number', operator);
  need(right, scope, 'number', operator);
  return ['+', '-', '*', '/', '%'].includes(operator) ? 'number' : 'boolean';
}

const isNumeric = (type: ValueType) => type === 'number' || type === 'maybe' || type === 'undefined';

function logical(expression: Expression & { type: 'logical' }, scope: Scope): ValueType {
  const left = plain(expression.left, scope, expression.operator);
  const right = plain(expression.right, scope, expression.operator);
  if (expression.operator !== '&&' && left === 'maybe' && right === 'number') return 'number';
  return join(left, right);
}

function join(a: ValueType, b: ValueType): ValueType {
  if (a === b) return a;
  if (isNumeric(a) && isNumeric(b)) return 'maybe';
  return fail(`${describe(a)} or ${describe(b)} is no single type`);
}

function math({ method: name, arguments: values }: Expression & { type: 'math' }, scope: Scope): ValueType {
  for (const value of values) need(value, scope, 'number', `Math.${name}`);
  const variadic = name === 'min' || name === 'max';
  if (!variadic && values.length !== 1) fail(`Math.${name} takes one number`);
  if (!MATH_METHODS.has(name)) fail(`Math.${name} is not in the language`);
  return 'number';
}

function method(expression: Expression & { type: 'method' }, scope: Scope): ValueType {
  const { method: name, object, arguments: values } = expression;
  need(object, scope, 'list', `.${name}`);
  const shape = ARRAY_METHODS.get(name);
  if (!shape) return fail(`.${name} is not in the language`);
  if (values.length < shape.least || values.length > shape.most) {
    fail(`.${name} takes ${shape.least === shape.most ? shape.least : `${shape.least} to ${shape.most}`} argument(s)`);
  }
  if (shape.callback) {
    const callback = infer(values[0]!, scope);
    if (typeof callback !== 'object') return fail(`.${name} needs a function`);
    return callbackMethod(name, callback, values[1], scope);
  }
  for (const value of values) need(value, scope, name === 'concat' ? 'list' : 'number', `.${name}`);
  if (name === 'indexOf') return 'number';
  if (name === 'includes') return 'boolean';
  return name === 'at' ? 'maybe' : 'list';
}

function callbackMethod(
  name: string,
  callback: FunctionType,
  initial: Expression | undefined,
  scope: Scope,
): ValueType {
  if (name === 'toSorted') {
    returns(callback, ['number', 'number'], 'number', name);
    return 'list';
  }
  if (name === 'reduce') {
    if (initial !== undefined) need(initial, scope, 'number', '.reduce');
    returns(callback, ['number', 'number', 'number', 'list'], 'number', name);
    return 'number';
  }
  const item: ValueType[] = ['number', 'number', 'list'];
  if (name === 'map') {
    returns(callback, item, 'number', name);
    return 'list';
  }
  returns(callback, item, 'boolean', name);
  return name === 'filter' ? 'list' : 'boolean';
}

function returns(callback: FunctionType, parameters: ValueType[], wanted: ValueType, name: string): void {
  if (callback.parameters.length > parameters.length) fail(`.${name} calls with ${parameters.length} arguments`);
  const scope = new Map([
    ...callback.scope,
    ...callback.parameters.map((parameter, index): [string, ValueType] => [parameter, parameters[index]!]),
  ]);
  const type = infer(callback.body, scope);
  // TypeScript lets any value be a test; a number there is the usual `x % 2`.
  if (type !== wanted && !(wanted === 'boolean' && type === 'number')) {
    fail(`.${name} needs a function that gives ${describe(wanted)}, not ${describe(type)}`);
  }
}

function describe(type: ValueType): string {
  if (typeof type === 'object') return 'a function';
  return {
    number: 'a number',
    boolean: 'a boolean',
    undefined: 'undefined',
    maybe: 'number or undefined',
    list: 'a list',
  }[type];
}

function fail(message: string): never {
  throw new ProgramError('type', message);
}
