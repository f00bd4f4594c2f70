import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataAugmenter, type AugmentationOperator } from '../../../../learning/augmentation/data-augmenter.js';
import { paraphraseOperator } from '../../../../learning/augmentation/rewriting-operators.js';
import { createTextRewriter, openProvider, ProviderConfig } from '../../../../providers/index.js';
import { refuses, says, startModelServer, type Answer, type ModelServer } from '../../../contract/model-server.js';
import { example } from '../events.js';

const ENGLISH = 'every customer of the shop places orders and each order has a date';
const FRENCH = 'chaque customer du magasin passe des orders et chaque order a une date';
const BACK = 'each customer of the shop places orders and every order has a date';
const row = example({ id: 'e1', input: ENGLISH, target: 'customer orders order date' });
/** A validator that cannot judge texts outside its language. */
const unknown = () => null;

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());

/** Answers by the text that was sent. */
function translates(dictionary: Record<string, string>): Answer {
  return (response, request) => {
    const { messages } = server.received.at(-1)!.body as { messages: { content: string }[] };
    const text = /<text>(.*)<\/text>/s.exec(messages[1]!.content)![1]!;
    return says('ollama', dictionary[text] ?? 'I do not know')(response, request);
  };
}

function rewriter(change: object = {}) {
  const config = ProviderConfig.parse({
    kind: 'ollama',
    baseUrl: server.url,
    model: 'translator',
    retry: { attempts: 1 },
    ...change,
  });
  return createTextRewriter(openProvider(config));
}

const backTranslating = (change: object = {}) =>
  new DataAugmenter(2, { useBackTranslation: true, rewriter: rewriter(change) });

describe('back-translation', () => {
  it('R9: en → fr → en gives a variant with the proof of its round trip', async () => {
    server.answers = [translates({ [ENGLISH]: FRENCH, [FRENCH]: BACK })];
    const { examples, proofs, rejected } = await backTranslating().augmentTrainingData([row], [], unknown, { seed: 1 });
    expect(examples).toHaveLength(2);
    expect(examples[1]).toEqual({
      ...row,
      id: 'e1~back-translation-0',
      input: BACK,
      source: 'augmented',
      parentId: 'e1',
      operator: 'back-translation',
      labelScore: row.labelScore,
    });
    expect(proofs).toEqual([{ id: 'e1~back-translation-0', kind: 'round-trip', value: expect.any(Number) as number }]);
    expect(proofs[0]!.value).toBeGreaterThan(0.6);
    expect(rejected).toEqual([]);
    const instructions = server.received.map(
      ({ body }) => (body as { messages: { content: string }[] }).messages[0]!.content,
    );
    expect(instructions.map((text) => /^Translate the text from (\w+ to \w+)/.exec(text)?.[1])).toEqual([
      'English to French',
      'French to English',
    ]);
  });

  it('R9: the validator has the last word where it can judge', async () => {
    server.answers = [translates({ [ENGLISH]: FRENCH, [FRENCH]: BACK })];
    const judged = (score: number) => backTranslating().augmentTrainingData([row], [], () => score, { seed: 1 });
    expect((await judged(100)).proofs).toEqual([{ id: 'e1~back-translation-0', kind: 'validator', value: 100 }]);
    const { examples, rejected } = await judged(85);
    expect(examples).toEqual([row]);
    expect(rejected[0]!.reason).toBe('the label of a back-translation variant of e1 scores 85, not 100');
  });

  it.each([
    ['loses a word that the label needs', BACK.replace('date', 'day'), '0.00'],
    ['says something else', 'customer orders order date', '0.'],
  ])('R9: is dropped with its reason when it %s', async (_, back, kept) => {
    server.answers = [translates({ [ENGLISH]: FRENCH, [FRENCH]: back })];
    const { examples, proofs, rejected } = await backTranslating().augmentTrainingData([row], [], unknown, { seed: 1 });
    expect([examples, proofs]).toEqual([[row], []]);
    expect(rejected).toHaveLength(1);
    expect(rejected[0]).toMatchObject({ source: 'augmentation', field: 'input' });
    expect(rejected[0]!.reason).toContain(`the label of a back-translation variant of e1 kept ${kept}`);
  });

  it('R9: a text that comes back as it was is no variant', async () => {
    server.answers = [translates({ [ENGLISH]: FRENCH, [FRENCH]: ENGLISH })];
    const { examples, rejected } = await backTranslating().augmentTrainingData([row], [], unknown, { seed: 1 });
    expect([examples, rejected]).toEqual([[row], []]);
  });

  it('N2: a provider that fails stops its own variants, named in the ledger, and no others', async () => {
    server.answers = [refuses('ollama', 400, 'model "translator" not found')];
    const number: AugmentationOperator = {
      name: 'number',
      apply: ({ input, target }, seed) => ({ input: `${input} ${String(seed.at(-1))}`, target }),
    };
    const rows = [row, example({ id: 'e2', input: 'an order has a date', target: 'order date' })];
    const { examples, rejected } = await backTranslating().augmentTrainingData(rows, [number], () => 100, { seed: 1 });
    expect(examples).toHaveLength(4);
    expect(rejected.map(({ reason }) => reason)).toEqual([
      'back-translation made no more variants: ollama translator: HTTP 400: model "translator" not found',
    ]);
    expect(server.received).toHaveLength(1);
  });

  it('R9: a spent budget stops it before a call', async () => {
    const { rejected } = await backTranslating({ budget: { maximumTokens: 10 } }).augmentTrainingData(
      [row],
      [],
      unknown,
      { seed: 1 },
    );
    expect(rejected[0]!.reason).toMatch(/^back-translation made no more variants: a call may take up to \d+ tokens/);
    expect(server.received).toHaveLength(0);
  });

  it('R9: is off by default, and needs a language model', async () => {
    const off = new DataAugmenter(2, { rewriter: rewriter() });
    expect((await off.augmentTrainingData([row], [], unknown, { seed: 1 })).examples).toEqual([row]);
    expect(server.received).toHaveLength(0);
    expect(() => new DataAugmenter(2, { useBackTranslation: true })).toThrow('no language model is configured');
  });
});

describe('paraphrase by a language model', () => {
  const augment = (dictionary: Record<string, string>) => {
    server.answers = [translates(dictionary)];
    return new DataAugmenter().augmentTrainingData([row], [paraphraseOperator(rewriter())], unknown, { seed: 1 });
  };

  it('R9: is proven by paraphrasing it back', async () => {
    const paraphrase = 'orders with a date each, an order per date, are placed by every customer';
    const { examples, proofs } = await augment({ [ENGLISH]: paraphrase, [paraphrase]: BACK });
    expect(examples[1]).toMatchObject({ input: paraphrase, operator: 'model-paraphrase' });
    expect(proofs[0]).toMatchObject({ kind: 'round-trip' });
  });

  it('R9: is dropped when the way back leads elsewhere', async () => {
    const paraphrase = 'customer and orders: no order without a date';
    const { examples, rejected } = await augment({ [ENGLISH]: paraphrase, [paraphrase]: 'nothing has a place' });
    expect(examples).toEqual([row]);
    expect(rejected[0]!.reason).toMatch(/model-paraphrase variant of e1 kept 0\.[0-5]\d of its request, not 0.6$/);
  });
});

it('R9: a variant that nobody can judge is dropped: nothing proves its label', async () => {
  const shorten: AugmentationOperator = { name: 'shorten', apply: ({ target }) => ({ input: 'customer', target }) };
  const { examples, rejected } = await new DataAugmenter().augmentTrainingData([row], [shorten], unknown, { seed: 1 });
  expect(examples).toEqual([row]);
  expect(rejected[0]!.reason).toBe('nothing proves the label of a shorten variant of e1');
});
