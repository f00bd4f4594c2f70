import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { BASE_TYPES } from '../../../config/domain.js';
import { generateCopyTasks } from '../../../datasets/tasks/copy-task.js';
import { lexiconPreTokens } from '../../../datasets/tasks/lexicon-pre-tokens.js';
import { formatPrompt, preTokenize } from '../../../datasets/tasks/prompt.js';
import { generateTasks } from '../../../datasets/tasks/task.js';
import { stream } from '../../../config/random.js';
import { contextVariation, paraphrase, renameIdentifiers } from '../../../datasets/tasks/variants.js';
import { corruptArtifact } from '../../../datasets/tasks/corrupt.js';
import { buildTokenizer } from '../../../datasets/tokenizer/build-tokenizer.js';

const lexicon = new Set(lexiconPreTokens());
const { tokenizerJson, tokenizerConfig } = buildTokenizer(lexiconPreTokens());
const tokenizer = new Tokenizer(tokenizerJson, tokenizerConfig);
const tasks = generateTasks({ seed: 31, purpose: 'tokens', count: 4000, distribution: 'target', unique: false });

describe('lexiconPreTokens', () => {
  it('holds every pre-token of tasks, variants, mistakes and copying', () => {
    const source = stream(31, 'variants');
    const missing = new Set<string>();
    const check = (text: string) => preTokenize(text).forEach((token) => lexicon.has(token) || missing.add(token));
    for (const { artifactType, specification, reference } of tasks) {
      check(formatPrompt(artifactType, specification) + reference);
      check(
        formatPrompt(
          artifactType,
          contextVariation(artifactType, paraphrase(artifactType, specification, source), source),
        ),
      );
      const renamed = renameIdentifiers(artifactType, specification, reference, source);
      check(formatPrompt(artifactType, renamed.specification) + renamed.output);
      check(corruptArtifact(artifactType, specification, source, 2));
    }
    for (const { prompt, completion } of generateCopyTasks({ seed: 31, purpose: 'copy', count: 500 }))
      check(prompt + completion);
    expect([...missing]).toEqual([]);
  });

  it('holds those of the types that are named, and of no other', () => {
    const types = ['sql_query'] as const;
    const known = new Set(lexiconPreTokens(types));
    const source = stream(31, 'sql variants');
    const missing = new Set<string>();
    const check = (text: string) => preTokenize(text).forEach((token) => known.has(token) || missing.add(token));
    const request = { seed: 31, purpose: 'sql tokens', count: 2000, distribution: 'target', unique: false } as const;
    for (const { artifactType, specification, reference } of generateTasks({ ...request, artifactTypes: types })) {
      check(formatPrompt(artifactType, specification) + reference);
      const varied = contextVariation(artifactType, paraphrase(artifactType, specification, source), source);
      check(formatPrompt(artifactType, varied));
      const renamed = renameIdentifiers(artifactType, specification, reference, source);
      check(formatPrompt(artifactType, renamed.specification) + renamed.output);
      check(corruptArtifact(artifactType, specification, source, 2));
    }
    for (const { prompt, completion } of generateCopyTasks({
      seed: 31,
      purpose: 'sql copy',
      count: 300,
      artifactTypes: types,
    }))
      check(prompt + completion);
    expect([...missing]).toEqual([]);
    expect(known.has('erd')).toBe(false);
    expect(lexicon.has('SELECT')).toBe(false);
    expect(lexiconPreTokens(BASE_TYPES)).toEqual(lexiconPreTokens());
  });

  it('is sorted, without repetition, and small enough for 900 tokens with bytes', () => {
    const tokens = [...lexiconPreTokens()];
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
    expect(tokens.length).toBeGreaterThan(300);
    expect(Object.keys(tokenizerJson.model.vocab)).toHaveLength(tokenizer.get_vocab().size);
    expect(Object.keys(tokenizerJson.model.vocab).length).toBeLessThan(900);
  });
});

describe('buildTokenizer', () => {
  it('encodes each prompt and artifact to exactly its pre-tokens and decodes it back', () => {
    for (const { artifactType, specification, reference } of tasks.slice(0, 1500)) {
      for (const text of [formatPrompt(artifactType, specification), reference]) {
        const { ids } = tokenizer.encode(text, { add_special_tokens: false });
        expect(ids).toHaveLength(preTokenize(text).length);
        expect(tokenizer.decode(ids, { skip_special_tokens: true })).toBe(text);
      }
    }
  });

  it('encodes prompt and answer apart as together', () => {
    for (const { artifactType, specification, reference } of tasks.slice(0, 300)) {
      const prompt = formatPrompt(artifactType, specification);
      const ids = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
      expect([...ids(prompt), ...ids(reference)]).toEqual(ids(prompt + reference));
    }
  });

  it('has bytes for every other text', () => {
    for (const text of ['Größe ≥ 3 €', 'tabs\tand\r\nlines', '日本語', '🙂', "it's Café"]) {
      const { ids } = tokenizer.encode(text, { add_special_tokens: false });
      expect(tokenizer.decode(ids, { skip_special_tokens: true })).toBe(text);
    }
  });

  it('starts with pad, eos and bos and reads them as single tokens', () => {
    expect(['<pad>', '<eos>', '<bos>'].map((token) => tokenizerJson.model.vocab[token])).toEqual([0, 1, 2]);
    expect(tokenizer.encode('return xs<eos>', { add_special_tokens: false }).ids.at(-1)).toBe(1);
  });

  it('gives copying tasks back as they were asked, with every token of the lexicon among them', () => {
    const copies = generateCopyTasks({ seed: 1, purpose: 'copy', count: 3000 });
    const seen = new Set<string>();
    for (const { prompt, completion } of copies) {
      expect(prompt).toBe(`copy:\n${completion}\n=>\n`);
      for (const token of preTokenize(completion)) seen.add(token);
    }
    expect([...lexicon].filter((token) => !seen.has(token))).toEqual([]);
  });
});
