/** Syntax tree of the expression language: every node a program may hold, and nothing else. */
export type Expression =
  | { type: 'number'; value: number }
  | { type: 'constant'; value: boolean | undefined }
  | { type: 'name'; name: string }
  | { type: 'array'; items: Expression[] }
  | { type: 'unary'; operator: '-' | '+' | '!'; operand: Expression }
  | { type: 'binary'; operator: BinaryOperator; left: Expression; right: Expression }
  | { type: 'logical'; operator: '&&' | '||' | '??'; left: Expression; right: Expression }
  | { type: 'conditional'; test: Expression; consequent: Expression; alternate: Expression }
  | { type: 'function'; parameters: string[]; body: Expression }
  | { type: 'length'; object: Expression }
  | { type: 'index'; object: Expression; index: Expression }
  | { type: 'method'; object: Expression; method: string; arguments: Expression[] }
  | { type: 'math'; method: string; arguments: Expression[] };

export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '===' | '!==' | '<' | '<=' | '>' | '>=';

/** A program: `const` declarations, then one `return`. It is the body of `(xs: number[]) => …`. */
export interface Program {
  constants: { name: string; value: Expression }[];
  result: Expression;
}

/** Why a program was refused: outside the language, too long, too deep, ill-typed, out of fuel, failed. */
export class ProgramError extends Error {
  constructor(
    readonly kind: 'syntax' | 'type' | 'limit' | 'runtime',
    message: string,
  ) {
    super(message);
    this.name = 'ProgramError';
  }
}

/** Methods of arrays that a program may call, with the number of arguments they take. */
export const ARRAY_METHODS: ReadonlyMap<string, { callback: boolean; least: number; most: number }> = new Map([
  ['filter', { callback: true, least: 1, most: 1 }],
  ['map', { callback: true, least: 1, most: 1 }],
  ['some', { callback: true, least: 1, most: 1 }],
  ['every', { callback: true, least: 1, most: 1 }],
  ['reduce', { callback: true, least: 1, most: 2 }],
  ['toSorted', { callback: true, least: 1, most: 1 }],
  ['toReversed', { callback: false, least: 0, most: 0 }],
  ['slice', { callback: false, least: 0, most: 2 }],
  ['indexOf', { callback: false, least: 1, most: 1 }],
  ['includes', { callback: false, least: 1, most: 1 }],
  ['at', { callback: false, least: 1, most: 1 }],
  ['concat', { callback: false, least: 1, most: 1 }],
]);

/** Functions of `Math` that a program may call. */
export const MATH_METHODS: ReadonlyMap<string, (...values: number[]) => number> = new Map([
  ['abs', (x) => Math.abs(x!)],
  ['min', (...values) => Math.min(...values)],
  ['max', (...values) => Math.max(...values)],
  ['trunc', (x) => Math.trunc(x!)],
  ['floor', (x) => Math.floor(x!)],
  ['ceil', (x) => Math.ceil(x!)],
  ['round', (x) => Math.round(x!)],
  ['sign', (x) => Math.sign(x!)],
  ['sqrt', (x) => Math.sqrt(x!)],
]);
