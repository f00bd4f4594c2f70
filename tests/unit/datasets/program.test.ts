import { describe, expect, it } from 'vitest';
import { stream } from '../../../config/random.js';
import { codeFamily, runSpecification } from '../../../datasets/tasks/code-prototype.js';
import { compileProgram, interpret } from '../../../datasets/program/interpret.js';
import { runIsolated } from '../../../datasets/program/run-isolated.js';
import { sameValue } from '../../../datasets/tasks/validators/validate-code.js';
import { ProgramError } from '../../../datasets/program/syntax.js';

const run = (source: string, input: number[] = [3, -1, 2]) => interpret(compileProgram(source), input);
const kindOf = (source: string, input?: number[]) => {
  try {
    run(source, input);
    return 'ran';
  } catch (error) {
    if (error instanceof ProgramError) return error.kind;
    throw error;
  }
};

describe('interpret', () => {
  it.each([
    ['return xs.map(x => x * 2 + 1)', [7, -1, 5]],
    ['return xs.toSorted((a, b) => a - b)', [-1, 2, 3]],
    ['return xs.filter((x, i, s) => s.indexOf(x) === i).length', 3],
    ['return xs.reduce((a, b) => Math.max(a, b), -Infinity)', 3],
    ['const ys = xs.slice(1); return ys.at(0) ?? 0;', -1],
    ['return xs.at(9) ?? 0', 0],
    ['return xs.some(x => x < 0) && xs.length > 2 ? [1] : xs.concat([4, 5]).toReversed()', [1]],
    ['return xs[0] - -xs[2] % 2', 3],
    ['return xs.every(x => !(x > 5) || x === 7) ? 1 : 0', 1],
    ['return 1 + 2 * 3 - 4 / 2', 5],
  ])('computes %s', (source, expected) => {
    expect(run(source)).toEqual(expected);
  });

  it('agrees with JavaScript on 400 drawn pipelines', () => {
    const source = stream(4, 'pipelines');
    for (let index = 0; index < 400; index++) {
      const statements = codeFamily.draw(source, 'target');
      const input = Array.from({ length: source.integer(8) }, () => source.integer(25) - 12);
      const found = run(codeFamily.reference(statements), input);
      const wanted = runSpecification(statements, input);
      expect([sameValue(found, wanted), found, wanted]).toEqual([true, found, wanted]);
    }
  });

  it.each([
    ['return xs.constructor.constructor("return process")()', 'syntax'],
    ['return xs["constructor"]', 'syntax'],
    ['return xs.map.call', 'syntax'],
    ['return xs.__proto__', 'syntax'],
    ['return process.exit()', 'syntax'],
    ['return globalThis', 'syntax'],
    ['return this', 'syntax'],
    ['return eval', 'syntax'],
    ['return `${1}`', 'syntax'],
    ['return import.meta', 'syntax'],
    ['while (true) {}', 'syntax'],
    ['return Math.constructor(1)', 'syntax'],
    ['return ((x) => x)(xs)', 'syntax'],
    ['const f = x => f(x); return xs.map(f)', 'syntax'],
    ['const f = x => x; return xs.map(f)', 'type'],
    ['const Math = 1; return Math', 'syntax'],
    ['return xs.map(x => xs)', 'type'],
    ['return xs.map(xs)', 'type'],
    ['return xs.at(0)', 'type'],
    ['return x => x', 'type'],
    ['return true', 'type'],
    ['return Math.abs()', 'type'],
    ['return xs.filter((a, b, c, d) => a)', 'type'],
    [`return ${'('.repeat(3000)}1`, 'limit'],
    [`return ${'-'.repeat(3000)}1`, 'limit'],
    [`return 1${' + 1'.repeat(1000)}`, 'limit'],
    [`return xs${'.toReversed()'.repeat(300)}`, 'limit'],
    [`return ${'x => '.repeat(700)}1`, 'limit'],
    [`return ${'xs.length > 0 ? 1 : '.repeat(190)}1`, 'limit'],
    [`return xs.length${' || 1'.repeat(700)}`, 'limit'],
    [`return ${'[ '.repeat(1500)}`, 'limit'],
    ['return '.padEnd(1_000_000, 'xs '), 'limit'],
    [`return xs${'.concat(xs)'.repeat(30)}`, 'ran'],
    ['return xs.reduce((a, b) => a + b)', 'ran'],
  ])('meets hostile or wrong source %.40s with %s', (source, kind) => {
    expect(kindOf(source)).toBe(kind);
  });

  it('stops list bombs and nested loops at its limits', () => {
    const doubling = Array.from(
      { length: 20 },
      (_, index) => `const a${index + 1} = a${index}.concat(a${index});`,
    ).join('');
    expect(kindOf(`const a0 = xs;${doubling}return a20.length`)).toBe('limit');
    const loops = 'return xs.map(a => xs.map(b => xs.map(c => xs.map(d => a + b + c + d).length).length).length)';
    expect(
      kindOf(
        loops,
        Array.from({ length: 100 }, () => 1),
      ),
    ).toBe('limit');
    expect(kindOf('return xs.reduce((a, b) => a + b)', [])).toBe('runtime');
  });
});

describe('runIsolated', () => {
  it('runs a batch in one worker and keeps the order', async () => {
    const results = await runIsolated([
      { source: 'return xs.map(x => x + 1)', inputs: [[1], []] },
      { source: 'return xs.constructor', inputs: [[1]] },
      { source: 'x'.repeat(1_000_000), inputs: [[1]] },
      { source: 'return xs.reduce((a, b) => a + b)', inputs: [[], [1, 2]] },
    ]);
    expect(results).toEqual([
      { outputs: [{ value: [2] }, { value: [] }] },
      { error: 'syntax: .constructor is not in the language' },
      { error: 'limit: source of 1000000 characters; at most 4096 are read' },
      { outputs: [{ error: 'runtime: reduce of an empty list' }, { value: 3 }] },
    ]);
  });

  it('terminates a program that takes too long and goes on with the next', async () => {
    const loops =
      'return xs.map(a => xs.map(b => xs.map(c => xs.map(d => a + b + c + d).length).length).length).length';
    const long = Array.from({ length: 900 }, () => 1);
    const results = await runIsolated(
      [
        { source: loops, inputs: [long] },
        { source: 'return 7', inputs: [[]] },
      ],
      { timeoutMs: 400, fuel: Number.MAX_SAFE_INTEGER },
    );
    expect(results).toEqual([{ error: 'limit: longer than 400 ms' }, { outputs: [{ value: 7 }] }]);
  });

  it('runs nothing for an empty batch', async () => {
    expect(await runIsolated([])).toEqual([]);
  });
});
