import type { Database } from './database.js';

/** Columns that hold wall-clock measurements or how a run was interrupted, not results. */
const UNREPEATABLE = ['milliseconds', 'latency_ms', 'resumed_from'];
/** The same inside of JSON columns. */
const UNREPEATABLE_JSON = '"(latencyMs|milliseconds)":[-+.eE0-9]+';
const BOOKKEEPING = ['schema_version', 'applied_writes'];

/** Rows of every table of the loop, by table name. */
export async function tableCounts(database: Database): Promise<Record<string, number>> {
  const names = await tables(database);
  const [row] = await database.read(
    `SELECT ${names.map((name) => `(SELECT count(*) FROM ${name}) AS ${name}`).join(', ')}`,
  );
  return row as Record<string, number>;
}

/**
 * SHA-256 over the hashes of every table's rows in sorted order, by table name.
 * Wall-clock columns are left out, so a run that was killed and resumed has the hashes of one that was not.
 */
export async function contentHashes(database: Database): Promise<Record<string, string>> {
  const columns = await database.columns();
  const selects = (await tables(database)).map((name) => {
    const kept = (columns.get(name) ?? [])
      .map((column) => column.name)
      .filter((column) => !UNREPEATABLE.includes(column));
    const json = `to_json(struct_pack(${kept.map((column) => `"${column}" := "${column}"`).join(', ')}))::VARCHAR`;
    const row = `regexp_replace(${json}, '${UNREPEATABLE_JSON}', '', 'g')`;
    return `(SELECT sha256(coalesce(string_agg(line, '' ORDER BY line), '')) FROM (SELECT sha256(${row}) AS line FROM ${name})) AS ${name}`;
  });
  const [row] = await database.read(`SELECT ${selects.join(', ')}`);
  return row as Record<string, string>;
}

async function tables(database: Database): Promise<string[]> {
  return [...(await database.columns()).keys()].filter((name) => !BOOKKEEPING.includes(name));
}
