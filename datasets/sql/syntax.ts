/** A value of a table or a result; what is missing is null. Numbers of tables are integers. */
export type SqlValue = number | string | null;
export type SqlType = 'number' | 'text';

/** A table in memory. */
export interface SqlTable {
  name: string;
  columns: readonly { name: string; type: SqlType }[];
  rows: readonly (readonly SqlValue[])[];
}

export const AGGREGATES = ['COUNT', 'SUM', 'AVG', 'MIN', 'MAX'] as const;
/** The words of the subset that are no names, in upper case. */
export const SQL_KEYWORDS: ReadonlySet<string> = new Set([
  'SELECT', 'DISTINCT', 'FROM', 'WHERE', 'GROUP', 'BY', 'HAVING', 'ORDER', 'LIMIT', 'OFFSET', 'AND', 'OR', 'NOT', 'IS',
  'NULL', 'AS', 'ASC', 'DESC', 'NULLS', 'FIRST', 'LAST', ...AGGREGATES,
]); // prettier-ignore
export type AggregateName = (typeof AGGREGATES)[number];

/** A column, or an aggregate of one; `COUNT(*)` has the column null. */
export type SqlExpression =
  | { type: 'column'; column: string }
  | { type: 'aggregate'; name: AggregateName; column: string | null; distinct: boolean };

export type SqlOperand = SqlExpression | { type: 'literal'; value: number | null };
export type SqlComparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

export type SqlCondition =
  | { type: 'comparison'; operator: SqlComparison; left: SqlOperand; right: SqlOperand }
  | { type: 'isNull'; operand: SqlOperand; negated: boolean }
  | { type: 'not'; operand: SqlCondition }
  | { type: 'logical'; operator: 'AND' | 'OR'; left: SqlCondition; right: SqlCondition };

export interface SqlSortKey {
  expression: SqlExpression;
  descending: boolean;
  nullsFirst: boolean;
}

/** A SELECT over one table: every clause a query may hold, and nothing else. Names are in lower case. */
export interface SelectStatement {
  distinct: boolean;
  items: SqlExpression[];
  where: SqlCondition | null;
  groupBy: string[];
  having: SqlCondition | null;
  orderBy: SqlSortKey[];
  limit: number | null;
  offset: number;
}

/** Why a query was refused: outside the subset, too long or deep, or not about this table. */
export class SqlError extends Error {
  constructor(
    readonly kind: 'syntax' | 'binding' | 'limit',
    message: string,
  ) {
    super(message);
    this.name = 'SqlError';
  }
}
