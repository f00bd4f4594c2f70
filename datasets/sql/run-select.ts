import { isGrouped } from './parse-select.js';
import type { SelectStatement, SqlCondition, SqlExpression, SqlOperand, SqlTable, SqlValue } from './syntax.js';

/** Rows of a query's result, and of each row the values it is sorted by (none without ORDER BY). */
export interface SelectResult {
  rows: SqlValue[][];
  keys: SqlValue[][];
}

type Row = readonly SqlValue[];
type Evaluate = (expression: SqlExpression) => SqlValue;

/**
 * Runs a parsed query on its table as DuckDB does: three-valued logic, aggregates that leave out what is missing,
 * missing values last in either direction. Where SQL leaves the order open it is that of the table.
 */
export function runSelect(select: SelectStatement, table: SqlTable): SelectResult {
  const places = new Map(table.columns.map(({ name }, index) => [name, index]));
  const evaluators = (isGrouped(select) ? groupsOf : rowsOf)(select, table, places);
  let results = evaluators.map((evaluate) => ({
    row: select.items.map(evaluate),
    key: select.orderBy.map(({ expression }) => evaluate(expression)),
  }));
  if (select.distinct) {
    const seen = new Set<string>();
    results = results.filter(({ row }) => {
      const text = JSON.stringify(row);
      return !seen.has(text) && seen.add(text);
    });
  }
  results.sort((a, b) => compareKeys(select, a.key, b.key));
  const end = select.limit === null ? undefined : select.offset + select.limit;
  const shown = results.slice(select.offset, end);
  return { rows: shown.map(({ row }) => row), keys: shown.map(({ key }) => key) };
}

function rowsOf(select: SelectStatement, table: SqlTable, places: ReadonlyMap<string, number>): Evaluate[] {
  return kept(select, table, places).map((row) => evaluateRow(row, places));
}

function evaluateRow(row: Row, places: ReadonlyMap<string, number>): Evaluate {
  return (expression) => row[places.get(expression.column!)!]!;
}

function kept({ where }: SelectStatement, { rows }: SqlTable, places: ReadonlyMap<string, number>): Row[] {
  return where === null ? [...rows] : rows.filter((row) => holds(where, evaluateRow(row, places)) === true);
}

/** One evaluator a group, in the order of the groups' first rows; without GROUP BY all rows are one group, even none. */
function groupsOf(select: SelectStatement, table: SqlTable, places: ReadonlyMap<string, number>): Evaluate[] {
  const groups = new Map<string, Row[]>();
  if (select.groupBy.length === 0) groups.set('[]', []);
  for (const row of kept(select, table, places)) {
    const key = JSON.stringify(select.groupBy.map((column) => row[places.get(column)!]));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const evaluators = [...groups.values()].map(
    (rows): Evaluate =>
      (expression) =>
        expression.type === 'column' ? rows[0]![places.get(expression.column)!]! : aggregate(expression, rows, places),
  );
  const { having } = select;
  return having === null ? evaluators : evaluators.filter((evaluate) => holds(having, evaluate) === true);
}

function aggregate(
  { name, column, distinct }: SqlExpression & { type: 'aggregate' },
  rows: readonly Row[],
  places: ReadonlyMap<string, number>,
): SqlValue {
  if (column === null) return rows.length;
  const present = rows.map((row) => row[places.get(column)!]!).filter((value) => value !== null);
  const values = distinct ? [...new Set(present)] : present;
  if (name === 'COUNT') return values.length;
  if (values.length === 0) return null;
  if (name === 'MIN') return values.reduce((a, b) => (b < a ? b : a));
  if (name === 'MAX') return values.reduce((a, b) => (b > a ? b : a));
  const sum = (values as number[]).reduce((a, b) => a + b, 0);
  return name === 'SUM' ? sum : sum / values.length;
}

/** True, false, or null where a missing value leaves it open (Kleene's logic). */
function holds(condition: SqlCondition, evaluate: Evaluate): boolean | null {
  if (condition.type === 'isNull') return (valueOf(condition.operand, evaluate) === null) !== condition.negated;
  if (condition.type === 'not') {
    const inner = holds(condition.operand, evaluate);
    return inner === null ? null : !inner;
  }
  if (condition.type === 'logical') {
    const decisive = condition.operator === 'OR';
    const [left, right] = [holds(condition.left, evaluate), holds(condition.right, evaluate)];
    if (left === decisive || right === decisive) return decisive;
    return left === null || right === null ? null : !decisive;
  }
  const [left, right] = [valueOf(condition.left, evaluate), valueOf(condition.right, evaluate)];
  if (left === null || right === null) return null;
  if (condition.operator === '=') return left === right;
  if (condition.operator === '<>') return left !== right;
  if (condition.operator === '<') return left < right;
  if (condition.operator === '<=') return left <= right;
  return condition.operator === '>' ? left > right : left >= right;
}

const valueOf = (operand: SqlOperand, evaluate: Evaluate): SqlValue =>
  operand.type === 'literal' ? operand.value : evaluate(operand);

function compareKeys({ orderBy }: SelectStatement, a: readonly SqlValue[], b: readonly SqlValue[]): number {
  for (const [index, { descending, nullsFirst }] of orderBy.entries()) {
    const [left, right] = [a[index]!, b[index]!];
    if (left === right) continue;
    if (left === null || right === null) return (left === null) === nullsFirst ? -1 : 1;
    return left < right === descending ? 1 : -1;
  }
  return 0;
}
