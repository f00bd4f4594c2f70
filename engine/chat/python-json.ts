import { pythonFloat, type TemplateValue } from './python-values.js';

export interface JsonOptions {
  indent: number | string | null;
  separators: [item: string, key: string] | null;
  sortKeys: boolean;
  ensureAscii: boolean;
}

/**
 * `json.dumps` of Python with `ensure_ascii` off unless asked for, as the `tojson` filter of transformers.
 *
 * @throws Error for values that JSON has not: undefined ones, functions
 */
export function pythonJson(value: TemplateValue, options: JsonOptions): string {
  const { indent, sortKeys, ensureAscii } = options;
  const [itemEnd, keyEnd] = options.separators ?? [indent === null ? ', ' : ',', ': '];
  const step = typeof indent === 'number' ? ' '.repeat(Math.max(0, indent)) : indent;
  const text = (string: string): string => {
    const quoted = JSON.stringify(string);
    return ensureAscii ? quoted.replace(/[\u007f-\uffff]/g, escapeUnit) : quoted;
  };
  const list = (open: string, items: string[], close: string, depth: number): string => {
    if (items.length === 0) return open + close;
    if (step === null) return open + items.join(itemEnd) + close;
    const line = `\n${step.repeat(depth + 1)}`;
    return open + line + items.join(itemEnd + line) + `\n${step.repeat(depth)}` + close;
  };
  const write = (item: TemplateValue, depth: number): string => {
    switch (item.type) {
      case 'NullValue':
        return 'null';
      case 'BooleanValue':
      case 'IntegerValue':
        return String(item.value);
      case 'FloatValue':
        return pythonFloat(item.value as number);
      case 'StringValue':
        return text(item.value as string);
      case 'ArrayValue':
      case 'TupleValue':
        return list(
          '[',
          (item.value as TemplateValue[]).map((entry) => write(entry, depth + 1)),
          ']',
          depth,
        );
      case 'ObjectValue': {
        const entries = [...(item.value as Map<string, TemplateValue>)];
        if (sortKeys) entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const items = entries.map(([key, entry]) => text(key) + keyEnd + write(entry, depth + 1));
        return list('{', items, '}', depth);
      }
      default:
        throw new Error(`a value of type ${item.type} is not JSON serializable`);
    }
  };
  return write(value, 0);
}

const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
