/** A sample of Prometheus' text format. */
export interface MetricSample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/**
 * Reads Prometheus' text exposition format 0.0.4 and throws at whatever breaks it: a line that is none, a sample without
 * a type, a family in two places, a sample twice, a histogram whose buckets do not add up.
 */
export function parseExposition(text: string): MetricSample[] {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const types = new Map<string, string>();
  const samples: MetricSample[] = [];
  const seen = new Set<string>();
  let family = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind === 'TYPE') {
      if (types.has(name!)) throw new Error(`${name} is in two places`);
      if (!['counter', 'gauge', 'histogram', 'summary', 'untyped'].includes(rest!)) throw new Error(`no type: ${line}`);
      types.set(name!, rest!);
      family = name!;
    }
    if (kind !== undefined || line === '') continue;
    const sample = parseSample(line);
    const own = types.get(family) === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
    if (own !== family) throw new Error(`${sample.name} follows the type of ${family}`);
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (seen.has(key)) throw new Error(`twice: ${line}`);
    seen.add(key);
    samples.push(sample);
  }
  for (const [name, type] of types) if (type === 'histogram') checkHistogram(name, samples);
  return samples;
}

function parseSample(line: string): MetricSample {
  const [, name, inside = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || !(value === '+Inf' || Number.isFinite(Number(value))))
    throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < inside.length) {
    const [, label, content] = LABEL.exec(inside) ?? [];
    if (label === undefined || label in labels) throw new Error(`broken labels: ${line}`);
    labels[label] = content!;
  }
  return { name, labels, value: value === '+Inf' ? Infinity : Number(value) };
}

function checkHistogram(name: string, samples: MetricSample[]): void {
  const series = new Map<string, { counts: number[]; last: string; count?: number }>();
  const of = ({ labels: { le: _, ...labels } }: MetricSample) => {
    const key = JSON.stringify(labels);
    if (!series.has(key)) series.set(key, { counts: [], last: '' });
    return series.get(key)!;
  };
  for (const sample of samples) {
    if (sample.name === `${name}_bucket`) {
      of(sample).counts.push(sample.value);
      of(sample).last = sample.labels['le'] ?? '';
    }
    if (sample.name === `${name}_count`) of(sample).count = sample.value;
  }
  for (const { counts, last, count } of series.values()) {
    const rises = counts.every((value, index) => index === 0 || value >= counts[index - 1]!);
    if (!rises || last !== '+Inf' || counts.at(-1) !== count) throw new Error(`the buckets of ${name} do not add up`);
  }
}
