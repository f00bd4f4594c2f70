/** Words in lower case: runs of letters, digits and underscores; any other visible character is a word of its own. */
export function textWords(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];
}

/** The words and word pairs of a text, as a set. Two texts are as alike as the Jaccard index of their sets. */
export function tokenSet(text: string): Set<string> {
  const words = textWords(text);
  const set = new Set<string>(words);
  for (let index = 0; index + 1 < words.length; index++) set.add(`${words[index]} ${words[index + 1]}`);
  return set;
}

/** Token sets of many texts with posting lists: the similarity of one to all others in one pass over its tokens. */
export class TokenSetIndex {
  private readonly sets: Set<string>[];
  private readonly postings = new Map<string, number[]>();

  constructor(texts: readonly string[]) {
    this.sets = texts.map(tokenSet);
    this.sets.forEach((set, index) => {
      for (const token of set) {
        const list = this.postings.get(token);
        if (list === undefined) this.postings.set(token, [index]);
        else list.push(index);
      }
    });
  }

  /** Jaccard index of text `index` and every text. */
  similaritiesTo(index: number): Float64Array {
    const shared = new Float64Array(this.sets.length);
    for (const token of this.sets[index]!) for (const other of this.postings.get(token)!) shared[other]!++;
    const size = this.sets[index]!.size;
    return shared.map((count, other) => {
      const union = size + this.sets[other]!.size - count;
      return union === 0 ? 1 : count / union;
    });
  }
}
