import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it, onTestFinished } from 'vitest';
import { createAugmentationActivities } from '../../../activities/augmentation.js';
import { RoundFiles } from '../../../activities/dependencies.js';
import type { ExampleRow, RejectedRow } from '../../../config/domain.js';
import { LoopConfig } from '../../../config/loop.js';
import { stream } from '../../../config/random.js';
import { generateTasks, paraphrase } from '../../../datasets/index.js';
import { frames, CONTENT_TYPE, startModelServer } from '../../contract/model-server.js';
import { example } from '../learning/events.js';

const key = { loop: 'main', round: 1 };

/** A server that "translates": French is the text itself, and the way back says it in other words, or loses its end. */
async function translator() {
  const server = await startModelServer();
  onTestFinished(() => server.close());
  server.answers.push((response) => {
    const { messages } = server.received.at(-1)!.body as { messages: { content: string }[] };
    const text = /<text>([\s\S]*)<\/text>/.exec(messages[1]!.content)![1]!;
    const isWayBack = messages[0]!.content.includes('from French to English');
    const loses = server.received.length % 3 === 0;
    const said = paraphrase('erd', text, stream(server.received.length, 'translator')) ?? text;
    const answer = !isWayBack ? text : loses ? said.slice(0, said.length / 2) : said;
    response.writeHead(200, { 'content-type': CONTENT_TYPE.ollama });
    response.end(frames('ollama', [answer]).join(''));
  });
  return server;
}

it('R9: requests go to French and back through a provider, what loses its meaning goes to the ledger, and a step that is tried again asks nothing twice', async () => {
  const server = await translator();
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'ratchet-translation-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const files = new RoundFiles(dataFolder);
  const provider = { kind: 'ollama', baseUrl: server.url, model: 'test-model' } as const;
  const config = LoopConfig.parse({ augmentation: { factor: 3, backTranslation: true, provider } });
  const tasks = generateTasks({ seed: 5, purpose: 'translation', count: 40, distribution: 'target', split: 'pool' });
  const examples = tasks
    .filter((task) => task.artifactType === 'erd')
    .map(({ specification, reference }, place) =>
      example({ id: `e${place}`, eventId: `e${place}`, input: specification, target: reference }),
    );
  const examplesRef = await files.write(key, 'labelled', examples);
  const { augmentExamples } = createAugmentationActivities({ dataFolder });
  const input = { key, config, examplesRef, earlierExamplesRef: null };
  const augment = (): ReturnType<typeof augmentExamples> => new MockActivityEnvironment().run(augmentExamples, input);

  const first = await augment();
  const rows = await files.read<ExampleRow>(first);
  const translated = rows.filter((row) => row.operator === 'back-translation');
  expect(translated.length).toBeGreaterThan(0);
  expect(translated.every((row) => row.labelScore === 100)).toBe(true);
  for (const row of translated) expect(row.input).not.toBe(examples.find(({ id }) => id === row.parentId)!.input);
  const rejected = await files.read<RejectedRow>(first.rejectedRef!);
  expect(rejected.some((row) => row.reason.includes('back-translation'))).toBe(true);
  expect(rejected.every((row) => row.source === 'augmentation')).toBe(true);

  const asked = server.received.length;
  expect(await augment()).toEqual(first);
  expect(server.received.length).toBe(asked);

  const other = { ...input, config: { ...config, seed: 2 } };
  const environment = new MockActivityEnvironment();
  server.answers[0] = () => environment.cancel();
  await expect(environment.run(augmentExamples, other)).rejects.toThrow('CANCELLED');
  expect(server.received.length).toBe(asked + 1);
});

it('R9: back-translation without a provider is refused', () => {
  expect(() => LoopConfig.parse({ augmentation: { backTranslation: true } })).toThrow(
    'backTranslation needs a provider',
  );
});
