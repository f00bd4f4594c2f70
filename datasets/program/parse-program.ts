import {
  ARRAY_METHODS,
  MATH_METHODS,
  ProgramError,
  type BinaryOperator,
  type Expression,
  type Program,
} from './syntax.js';

/** Longest source in characters, and deepest nesting, that is read at all. */
export const MAX_SOURCE = 4096;
const MAX_DEPTH = 40;

const TOKEN = /\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(=>|===|!==|<=|>=|&&|\|\||\?\?|[-+*/%<>!()[\],.?:;=]))/y;
const PRECEDENCE: readonly (readonly string[])[] = [
  ['===', '!=='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', '%'],
];
const CONSTANTS: ReadonlyMap<string, Expression> = new Map([
  ['Infinity', { type: 'number', value: Infinity }],
  ['NaN', { type: 'number', value: NaN }],
  ['true', { type: 'constant', value: true }],
  ['false', { type: 'constant', value: false }],
  ['undefined', { type: 'constant', value: undefined }],
]);
const RESERVED: ReadonlySet<string> = new Set(['return', 'const', 'Math', ...CONSTANTS.keys()]);

/**
 * Reads a program of the expression language, a small subset of TypeScript: numbers, arrays of numbers, arrow
 * functions with an expression body, operators, and the methods in {@link ARRAY_METHODS} and {@link MATH_METHODS}.
 * Strings, objects, statements, assignments, other names and other members do not exist in it, so an accepted program
 * can reach nothing but its input. Throws {@link ProgramError} of kind `syntax` or `limit`.
 */
export function parseProgram(source: string): Program {
  if (source.length > MAX_SOURCE) {
    throw new ProgramError('limit', `source of ${source.length} characters; at most ${MAX_SOURCE} are read`);
  }
  return new Parser(tokenize(source)).program();
}

interface Token {
  kind: 'number' | 'name' | 'symbol' | 'end';
  text: string;
}

function tokenize(source: string): Token[] {
  const text = source.trimEnd();
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match)
      throw new ProgramError(
        'syntax',
        `unknown character at ${start}: ${JSON.stringify(text.slice(start, start + 12))}`,
      );
    const [, number, name, symbol] = match;
    if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else tokens.push({ kind: 'symbol', text: symbol! });
  }
  return tokens;
}

class Parser {
  private position = 0;
  private depth = 0;
  private logicalCount = 0;
  /** Names in scope, innermost last. */
  private readonly scope: string[] = ['xs'];

  constructor(private readonly tokens: Token[]) {}

  program(): Program {
    const constants: Program['constants'] = [];
    while (this.accept('const')) {
      const name = this.newName();
      this.expect('=');
      constants.push({ name, value: this.expression() });
      this.scope.push(name);
      this.expect(';');
    }
    this.expect('return');
    const result = this.expression();
    this.accept(';');
    if (this.peek().kind !== 'end') this.fail('the end');
    return { constants, result };
  }

  private expression(): Expression {
    if (++this.depth > MAX_DEPTH) throw new ProgramError('limit', `nested deeper than ${MAX_DEPTH}`);
    const parameters = this.parametersAhead();
    const expression = parameters === null ? this.conditional() : this.arrow(parameters);
    this.depth--;
    return expression;
  }

  private arrow(parameters: string[]): Expression {
    this.scope.push(...parameters);
    const body = this.expression();
    this.scope.length -= parameters.length;
    return { type: 'function', parameters, body };
  }

  /** The parameters of an arrow function when one starts here (and moves past `=>`), else null. */
  private parametersAhead(): string[] | null {
    const start = this.position;
    const parameters: string[] = [];
    if (this.accept('(')) {
      while (this.peek().kind === 'name' && parameters.length < 4) {
        parameters.push(this.next().text);
        if (!this.accept(',')) break;
      }
      if (this.accept(')') && this.accept('=>')) return this.checkNew(parameters);
    } else if (this.peek().kind === 'name') {
      parameters.push(this.next().text);
      if (this.accept('=>')) return this.checkNew(parameters);
    }
    this.position = start;
    return null;
  }

  private conditional(): Expression {
    const test = this.logical();
    if (!this.accept('?')) return test;
    const consequent = this.expression();
    this.expect(':');
    return { type: 'conditional', test, consequent, alternate: this.expression() };
  }

  /** `??` does not mix with `&&` and `||` without parentheses, as in TypeScript. */
  private logical(): Expression {
    const first = this.and();
    if (this.peek().text === '??') {
      let left = first;
      while (this.accept('??')) left = this.joined('??', left, this.binary(0));
      return left;
    }
    let left = first;
    while (this.accept('||')) left = this.joined('||', left, this.and());
    return left;
  }

  private and(): Expression {
    let left = this.binary(0);
    while (this.accept('&&')) left = this.joined('&&', left, this.binary(0));
    return left;
  }

  /** A logical node; counts them, because a chain of them is as deep as it is long. */
  private joined(operator: '&&' | '||' | '??', left: Expression, right: Expression): Expression {
    if (++this.logicalCount > MAX_DEPTH) throw new ProgramError('limit', `more than ${MAX_DEPTH} logical operators`);
    return { type: 'logical', operator, left, right };
  }

  private binary(level: number): Expression {
    const operators = PRECEDENCE[level];
    if (operators === undefined) return this.unary();
    let left = this.binary(level + 1);
    for (let count = 0; this.peek().kind === 'symbol' && operators.includes(this.peek().text); count++) {
      if (count === MAX_DEPTH) throw new ProgramError('limit', `more than ${MAX_DEPTH} operators in a row`);
      const operator = this.next().text as BinaryOperator;
      left = { type: 'binary', operator, left, right: this.binary(level + 1) };
    }
    return left;
  }

  private unary(): Expression {
    const { kind, text } = this.peek();
    if (kind !== 'symbol' || (text !== '-' && text !== '+' && text !== '!')) return this.postfix(this.primary());
    if (++this.depth > MAX_DEPTH) throw new ProgramError('limit', `nested deeper than ${MAX_DEPTH}`);
    this.next();
    const operand = this.unary();
    this.depth--;
    return { type: 'unary', operator: text, operand };
  }

  private primary(): Expression {
    const token = this.next();
    if (token.kind === 'number') return { type: 'number', value: Number(token.text) };
    if (token.kind === 'name') {
      const constant = CONSTANTS.get(token.text);
      if (constant) return constant;
      if (token.text === 'Math') return this.math();
      if (!this.scope.includes(token.text)) throw new ProgramError('syntax', `unknown name ${token.text}`);
      return { type: 'name', name: token.text };
    }
    if (token.text === '(') {
      const inner = this.expression();
      this.expect(')');
      return inner;
    }
    if (token.text === '[') return { type: 'array', items: this.list(']') };
    this.position--;
    return this.fail('an expression');
  }

  private math(): Expression {
    this.expect('.');
    const method = this.next().text;
    if (!MATH_METHODS.has(method)) throw new ProgramError('syntax', `Math.${method} is not in the language`);
    this.expect('(');
    return { type: 'math', method, arguments: this.list(')') };
  }

  private postfix(start: Expression): Expression {
    let object = start;
    for (let count = 0; ; count++) {
      if (count > MAX_DEPTH) throw new ProgramError('limit', `a chain of more than ${MAX_DEPTH} members`);
      if (this.accept('[')) {
        object = { type: 'index', object, index: this.expression() };
        this.expect(']');
      } else if (this.accept('.')) {
        const member = this.next().text;
        if (member === 'length') {
          object = { type: 'length', object };
          continue;
        }
        if (!ARRAY_METHODS.has(member)) throw new ProgramError('syntax', `.${member} is not in the language`);
        this.expect('(');
        object = { type: 'method', object, method: member, arguments: this.list(')') };
      } else return object;
    }
  }

  private list(end: ')' | ']'): Expression[] {
    const items: Expression[] = [];
    while (!this.accept(end)) {
      items.push(this.expression());
      if (this.accept(end)) break;
      this.expect(',');
    }
    return items;
  }

  private newName(): string {
    const token = this.next();
    if (token.kind !== 'name') this.fail('a name');
    return this.checkNew([token.text])[0]!;
  }

  private checkNew(names: string[]): string[] {
    const reserved = names.find((name) => RESERVED.has(name));
    if (reserved !== undefined) throw new ProgramError('syntax', `${reserved} cannot be declared`);
    return names;
  }

  private peek(): Token {
    return this.tokens[this.position] ?? { kind: 'end', text: 'the end' };
  }

  private next(): Token {
    const token = this.peek();
    this.position++;
    return token;
  }

  private accept(text: string): boolean {
    if (this.peek().kind === 'end' || this.peek().kind === 'number' || this.peek().text !== text) return false;
    this.position++;
    return true;
  }

  private expect(text: string): void {
    if (!this.accept(text)) this.fail(`"${text}"`);
  }

  private fail(wanted: string): never {
    throw new ProgramError('syntax', `expected ${wanted} but found ${this.peek().text}`);
  }
}
