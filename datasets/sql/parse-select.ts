import {
  AGGREGATES,
  SQL_KEYWORDS,
  SqlError,
  type AggregateName,
  type SelectStatement,
  type SqlComparison,
} from './syntax.js';
import type { SqlCondition, SqlExpression, SqlOperand, SqlSortKey, SqlTable } from './syntax.js';

/** Longest query that is read, in characters, and deepest nesting of its conditions. */
const MAX_LENGTH = 4_096;
const MAX_DEPTH = 16;

const COMPARISONS: Readonly<Record<string, SqlComparison>> = {
  '=': '=', '<>': '<>', '!=': '<>', '<': '<', '<=': '<=', '>': '>', '>=': '>=',
}; // prettier-ignore

interface Token {
  kind: 'word' | 'name' | 'number' | 'symbol' | 'end';
  /** Keywords in upper case, names in lower case. */
  text: string;
}

const TOKEN =
  /\s+|(?<word>[A-Za-z_]\w*)|"(?<name>[A-Za-z_]\w*)"|(?<number>\d{1,9})(?!\w)|(?<symbol><>|!=|<=|>=|[=<>(),;.*-])/y;

function tokensOf(text: string): Token[] {
  if (text.length > MAX_LENGTH) throw new SqlError('limit', `longer than ${MAX_LENGTH} characters`);
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(text)?.groups;
    // A comment is refused rather than read as two signs.
    if (groups === undefined || text.startsWith('--', at)) {
      throw new SqlError('syntax', `nothing is known that starts with ${text.slice(at, at + 12)}`);
    }
    const { word, name, number, symbol } = groups;
    if (word !== undefined) {
      const keyword = word.toUpperCase();
      tokens.push(
        SQL_KEYWORDS.has(keyword) ? { kind: 'word', text: keyword } : { kind: 'name', text: word.toLowerCase() },
      );
    } else if (name !== undefined) tokens.push({ kind: 'name', text: name.toLowerCase() });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol });
  }
  return tokens;
}

/**
 * Reads a query over a table: `SELECT [DISTINCT] … FROM … [WHERE] [GROUP BY] [HAVING] [ORDER BY] [LIMIT] [OFFSET]` with
 * columns, aggregates, `*`, comparisons, IS NULL, NOT, AND and OR. Keywords and names in any case, one `;` at the end.
 * What it accepts DuckDB accepts, too, and means the same by it. Throws {@link SqlError} for everything else.
 */
export function parseSelect(text: string, table: Pick<SqlTable, 'name' | 'columns'>): SelectStatement {
  return new SelectParser(tokensOf(text), table).parse();
}

class SelectParser {
  private at = 0;
  private depth = 0;
  private readonly aliases = new Map<string, SqlExpression>();

  constructor(
    private readonly tokens: readonly Token[],
    private readonly table: Pick<SqlTable, 'name' | 'columns'>,
  ) {}

  parse(): SelectStatement {
    this.expect('SELECT');
    const distinct = this.take('DISTINCT');
    const items = this.items();
    this.expect('FROM');
    const name = this.name();
    if (name !== this.table.name) throw new SqlError('binding', `there is no table ${name}`);
    const where = this.take('WHERE') ? this.condition() : null;
    const groupBy = this.takeBy('GROUP') ? this.list(() => this.column()) : [];
    const having = this.take('HAVING') ? this.condition() : null;
    const orderBy = this.takeBy('ORDER') ? this.list(() => this.sortKey(items)) : [];
    const select = { distinct, items, where, groupBy, having, orderBy, ...this.bounds() };
    this.take(';');
    if (this.peek().kind !== 'end') throw this.unexpected();
    this.bind(select);
    return select;
  }

  private peek(): Token {
    return this.tokens[this.at] ?? { kind: 'end', text: 'the end' };
  }

  private unexpected(): SqlError {
    return new SqlError('syntax', `unexpected ${this.peek().text}`);
  }

  /** Whether the next token is this keyword or sign; it is read then. */
  private take(text: string): boolean {
    const { kind, text: found } = this.peek();
    if ((kind !== 'word' && kind !== 'symbol') || found !== text) return false;
    this.at++;
    return true;
  }

  private expect(text: string): void {
    if (!this.take(text)) throw this.unexpected();
  }

  private takeBy(keyword: string): boolean {
    if (!this.take(keyword)) return false;
    this.expect('BY');
    return true;
  }

  private list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.take(',')) items.push(item());
    return items;
  }

  private name(): string {
    if (this.peek().kind !== 'name') throw this.unexpected();
    return this.tokens[this.at++]!.text;
  }

  private number(): number {
    if (this.peek().kind !== 'number') throw this.unexpected();
    return Number(this.tokens[this.at++]!.text);
  }

  private items(): SqlExpression[] {
    if (this.take('*')) return this.table.columns.map(({ name }) => ({ type: 'column', column: name }));
    return this.list(() => {
      const expression = this.expression();
      if (this.take('AS')) {
        const alias = this.name();
        // A name for two things would have to be resolved by rules that differ from clause to clause.
        if (this.typeOf(alias) !== undefined || this.aliases.has(alias))
          throw new SqlError('binding', `${alias} has a meaning already`);
        this.aliases.set(alias, expression);
      }
      return expression;
    });
  }

  private column(): string {
    let name = this.name();
    if (this.take('.')) {
      if (name !== this.table.name) throw new SqlError('binding', `there is no table ${name}`);
      name = this.name();
    }
    if (this.typeOf(name) === undefined) throw new SqlError('binding', `there is no column ${name}`);
    return name;
  }

  private expression(): SqlExpression {
    const name = AGGREGATES.find((aggregate) => this.take(aggregate));
    return name === undefined ? { type: 'column', column: this.column() } : this.aggregate(name);
  }

  private aggregate(name: AggregateName): SqlExpression {
    this.expect('(');
    const all = name === 'COUNT' && this.take('*');
    const distinct = !all && this.take('DISTINCT');
    const column = all ? null : this.column();
    this.expect(')');
    if ((name === 'SUM' || name === 'AVG') && this.typeOf(column!) !== 'number')
      throw new SqlError('binding', `${name} wants numbers, and ${column} is text`);
    return { type: 'aggregate', name, column, distinct };
  }

  private condition(): SqlCondition {
    if (++this.depth > MAX_DEPTH) throw new SqlError('limit', `deeper than ${MAX_DEPTH} levels`);
    const found = this.logical('OR', () => this.logical('AND', () => this.negation()));
    this.depth--;
    return found;
  }

  private logical(operator: 'AND' | 'OR', operand: () => SqlCondition): SqlCondition {
    let left = operand();
    while (this.take(operator)) left = { type: 'logical', operator, left, right: operand() };
    return left;
  }

  private negation(): SqlCondition {
    if (this.take('NOT')) {
      if (++this.depth > MAX_DEPTH) throw new SqlError('limit', `deeper than ${MAX_DEPTH} levels`);
      const operand = this.negation();
      this.depth--;
      return { type: 'not', operand };
    }
    if (this.take('(')) {
      const inner = this.condition();
      this.expect(')');
      return inner;
    }
    const left = this.operand();
    if (this.take('IS')) {
      const negated = this.take('NOT');
      this.expect('NULL');
      return { type: 'isNull', operand: left, negated };
    }
    const operator = this.peek().kind === 'symbol' ? COMPARISONS[this.peek().text] : undefined;
    if (operator === undefined) throw this.unexpected();
    this.at++;
    const right = this.operand();
    const [a, b] = [this.operandType(left), this.operandType(right)];
    if (a !== b && a !== 'null' && b !== 'null') throw new SqlError('binding', 'text is compared with a number');
    return { type: 'comparison', operator, left, right };
  }

  private operand(): SqlOperand {
    if (this.take('NULL')) return { type: 'literal', value: null };
    if (this.take('-')) return { type: 'literal', value: -this.number() };
    if (this.peek().kind === 'number') return { type: 'literal', value: this.number() };
    return this.expression();
  }

  /** A column, an aggregate, the other name of an item, or an item's number. */
  private sortKey(items: readonly SqlExpression[]): SqlSortKey {
    const { kind, text } = this.peek();
    let expression = kind === 'name' ? this.aliases.get(text) : undefined;
    if (expression !== undefined) this.at++;
    else if (kind === 'number') {
      expression = items[this.number() - 1];
      if (expression === undefined) throw new SqlError('binding', `there is no item ${text}`);
    } else expression = this.expression();
    const descending = this.take('DESC');
    if (!descending) this.take('ASC');
    const placed = this.take('NULLS');
    // DuckDB puts what is missing last in either direction.
    const nullsFirst = placed && this.take('FIRST');
    if (placed && !nullsFirst) this.expect('LAST');
    return { expression, descending, nullsFirst };
  }

  private bounds(): Pick<SelectStatement, 'limit' | 'offset'> {
    let limit: number | null = null;
    let offset: number | null = null;
    for (;;) {
      if (limit === null && this.take('LIMIT')) limit = this.number();
      else if (offset === null && this.take('OFFSET')) offset = this.number();
      else return { limit, offset: offset ?? 0 };
    }
  }

  private typeOf(column: string) {
    return this.table.columns.find(({ name }) => name === column)?.type;
  }

  private operandType(operand: SqlOperand): 'number' | 'text' | 'null' {
    if (operand.type === 'literal') return operand.value === null ? 'null' : 'number';
    const counts = operand.type === 'aggregate' && operand.name !== 'MIN' && operand.name !== 'MAX';
    return counts ? 'number' : this.typeOf(operand.column!)!;
  }

  /** What SQL asks of the clauses together. */
  private bind(select: SelectStatement): void {
    const { items, where, groupBy, having, orderBy, distinct } = select;
    if (expressionsOf(where).some(({ type }) => type === 'aggregate'))
      throw new SqlError('binding', 'WHERE has an aggregate');
    const keys = orderBy.map(({ expression }) => expression);
    if (isGrouped(select)) {
      for (const expression of [...items, ...expressionsOf(having), ...keys]) {
        if (expression.type === 'column' && !groupBy.includes(expression.column))
          throw new SqlError('binding', `${expression.column} is not in GROUP BY`);
      }
    }
    const shown = new Set(items.map((item) => JSON.stringify(item)));
    // DuckDB takes any row's key then; the standard refuses it.
    if (distinct && keys.some((key) => !shown.has(JSON.stringify(key))))
      throw new SqlError('binding', 'DISTINCT is sorted by what is not shown');
  }
}

/** Columns and aggregates of a condition. */
function expressionsOf(condition: SqlCondition | null): SqlExpression[] {
  if (condition === null) return [];
  if (condition.type === 'not') return expressionsOf(condition.operand);
  if (condition.type === 'logical') return [...expressionsOf(condition.left), ...expressionsOf(condition.right)];
  const operands = condition.type === 'isNull' ? [condition.operand] : [condition.left, condition.right];
  return operands.filter((operand): operand is SqlExpression => operand.type !== 'literal');
}

/** Whether a query makes one row of many. */
export function isGrouped({ items, groupBy, having, orderBy }: SelectStatement): boolean {
  const expressions = [...items, ...orderBy.map(({ expression }) => expression)];
  return groupBy.length > 0 || having !== null || expressions.some(({ type }) => type === 'aggregate');
}
