import type { Stream } from '../../config/random.js';

/** Requests are made of few different sentences: what they mean is read once, for so many at a time. */
const SENTENCES_KEPT = 10_000;

/** One sentence (or pipeline step) of a specification: what it says, with which words, in which wording. */
export interface Statement {
  kind: string;
  slots: Readonly<Record<string, string>>;
  /** Index of the wording; 0 is the canonical one. */
  wording: number;
}

/** A statement in its canonical wording. */
export function statement(kind: string, slots: Record<string, string> = {}): Statement {
  return { kind, slots, wording: 0 };
}

/**
 * A closed language: per kind, wordings that mean the same. `{slot}` stands for one word, `{list}` for words with
 * commas between them. Written and read by the same table, so that a text always means what it was made from.
 */
export class Grammar {
  private readonly patterns: { kind: string; wording: number; expression: RegExp }[] = [];
  private readonly known = new Map<string, Statement | null>();

  constructor(private readonly wordings: Readonly<Record<string, readonly string[]>>) {
    for (const [kind, templates] of Object.entries(wordings)) {
      for (const [wording, template] of templates.entries()) {
        const source = template.replaceAll(/\{(\w+)\}/g, (_, slot: string) =>
          slot === 'list' ? '(?<list>[a-z0-9]+(?:, ?[a-z0-9]+)*)' : `(?<${slot}>[a-z0-9]+)`,
        );
        this.patterns.push({ kind, wording, expression: new RegExp(`^${source}$`) });
      }
    }
  }

  /** Kinds of statements, in the order of the table. */
  kinds(): string[] {
    return Object.keys(this.wordings);
  }

  /** Number of wordings of a kind. */
  wordingCount(kind: string): number {
    return this.wordings[kind]?.length ?? 0;
  }

  /** The text of a statement, with `an` before vowels. */
  render(item: Statement): string {
    const template = this.wordings[item.kind]![item.wording]!;
    return template
      .replaceAll(/\{(\w+)\}/g, (_, slot: string) => item.slots[slot]!)
      .replaceAll(/\ba (?=[aeio])/g, 'an ');
  }

  /** The statement a text makes, or null when it is not in the language. Case and spacing do not matter. */
  parse(text: string): Readonly<Statement> | null {
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const found = this.match(normalizeSentence(text));
    if (this.known.size === SENTENCES_KEPT) this.known.clear();
    this.known.set(text, found);
    return found;
  }

  private match(plain: string): Statement | null {
    for (const { kind, wording, expression } of this.patterns) {
      const match = expression.exec(plain);
      if (match) return { kind, slots: { ...match.groups }, wording };
    }
    return null;
  }

  /** Gives each statement another wording with the given probability, where it has another one. */
  reword(items: readonly Statement[], source: Stream, probability: number): Statement[] {
    return items.map((item) => {
      const count = this.wordingCount(item.kind);
      if (count < 2 || source.float() >= probability) return item;
      return { ...item, wording: (item.wording + 1 + source.integer(count - 1)) % count };
    });
  }
}

/** Lower case, single spaces, `an` read as `a`. */
export function normalizeSentence(text: string): string {
  return text.toLowerCase().replaceAll(/\s+/g, ' ').trim().replaceAll(/\ban /g, 'a ');
}

/** The sentences of a text: what stands between full stops. */
export function sentencesOf(text: string): string[] {
  return text
    .split('.')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Draws `count` different items with probability ∝ 1/rank^0.7 (Zipf). */
export function zipfSample(source: Stream, items: readonly string[], count: number): string[] {
  const left = [...items];
  const weights = items.map((_, index) => 1 / (index + 1) ** 0.7);
  const chosen: string[] = [];
  while (chosen.length < count && left.length > 0) {
    const item = source.weighted(left, weights.slice(0, left.length));
    const index = left.indexOf(item);
    left.splice(index, 1);
    weights.splice(index, 1);
    chosen.push(item);
  }
  return chosen;
}
