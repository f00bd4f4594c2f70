import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ArtifactType } from '../../config/domain.js';
import { stream } from '../../config/random.js';
import { corruptArtifact, PROMPT_SEPARATOR, referenceFor } from '../../datasets/index.js';
import type { Engine, TrainHooks, TrainResult, TrainSpec } from '../../engine/index.js';

const TYPES: Record<string, ArtifactType> = {
  erd: 'erd',
  code: 'code_prototype',
  architecture: 'architecture',
  sql: 'sql_query',
};

export interface Script {
  /** Share of requests a model answers right, 0–1, from how it was trained; the base model: 0.3. */
  skillOf?(spec: TrainSpec, rows: number): number;
  /** Called in a training before each epoch; what it throws ends the training. */
  beforeEpoch?(spec: TrainSpec, epoch: number): void | Promise<void>;
}

/**
 * An engine without a network: answers right with a probability that a "trained" folder names, trains by writing such a
 * folder, one epoch at a time with checkpoints, and is as deterministic and resumable as the real one.
 */
export class ScriptedEngine implements Engine {
  /** Epochs trained, in order: `folder epoch`. */
  readonly epochs: string[] = [];

  constructor(private readonly script: Script = {}) {}

  async train(spec: TrainSpec, hooks: TrainHooks = {}): Promise<TrainResult> {
    hooks.signal?.throwIfAborted();
    const rows = readFileSync(spec.trainFile, 'utf8').split('\n').length - 1;
    const { numEpochs, learningRate } = spec.parameters;
    const checkpoint = path.join(spec.checkpointDir, 'epochs.json');
    const lossAt = (epoch: number) => Math.abs(Math.log10(learningRate) + 3) + 1 / epoch;
    const losses: number[] = existsSync(checkpoint) ? JSON.parse(readFileSync(checkpoint, 'utf8')) : [];
    losses.forEach((loss, place) => hooks.onValidation?.({ step: place + 1, loss }));
    mkdirSync(spec.checkpointDir, { recursive: true });
    while (losses.length < numEpochs) {
      await new Promise((resolve) => setImmediate(resolve));
      hooks.signal?.throwIfAborted();
      const epoch = losses.length + 1;
      await this.script.beforeEpoch?.(spec, epoch);
      this.epochs.push(`${path.basename(path.dirname(spec.checkpointDir))} ${epoch}`);
      losses.push(lossAt(epoch));
      writeFileSync(checkpoint, JSON.stringify(losses));
      const report = { step: epoch, totalSteps: numEpochs, loss: 1 / epoch, gradientNorm: 1, learningRate, tokens: 1 };
      hooks.onStep?.({ ...report, milliseconds: 1 });
      if (spec.validationFile !== undefined) hooks.onValidation?.({ step: epoch, loss: lossAt(epoch) });
    }
    const skill = this.script.skillOf?.(spec, rows) ?? 0.6;
    mkdirSync(spec.outputDir, { recursive: true });
    const weights = JSON.stringify({ skill, learningRate, rows });
    writeFileSync(path.join(spec.outputDir, 'skill.json'), weights);
    return {
      steps: numEpochs,
      trainLoss: 1 / numEpochs,
      validationLoss: spec.validationFile === undefined ? null : lossAt(numEpochs),
      bestStep: numEpochs,
      stoppedEarly: false,
      sha256: createHash('sha256').update(weights).digest('hex'),
      outputDir: spec.outputDir,
      resumedFrom: null,
      truncatedRows: 0,
      milliseconds: 1,
    };
  }

  async generate({
    adapterDir,
    prompts,
    temperature,
    seed,
  }: Parameters<Engine['generate']>[0]): ReturnType<Engine['generate']> {
    const skill = adapterDir === null ? 0.3 : readSkill(adapterDir);
    return prompts.map((prompt, place) => {
      const colon = prompt.indexOf(': ');
      const artifactType = TYPES[prompt.slice(0, colon)]!;
      const specification = prompt.slice(colon + 2, -PROMPT_SEPARATOR.length);
      const draw = temperature === 0 ? [] : [`${seed} ${place}`];
      const source = stream(1, 'scripted-engine', prompt, ...draw);
      const right = source.float() < skill;
      const text = right
        ? referenceFor(artifactType, specification)
        : corruptArtifact(artifactType, specification, source, 3);
      return { text, tokens: [], meanLogProbability: -0.1, meanEntropy: right ? 0.05 : 0.5, finished: true };
    });
  }

  /** Letter counts: alike texts have alike vectors. */
  async embed({ texts }: Parameters<Engine['embed']>[0]): ReturnType<Engine['embed']> {
    return texts.map((text) => {
      const counts = new Float32Array(26);
      for (const letter of text.toLowerCase().match(/[a-z]/g) ?? []) counts[letter.charCodeAt(0) - 97]! += 1;
      const norm = Math.hypot(...counts) || 1;
      return counts.map((count) => count / norm);
    });
  }

  async evaluate(): ReturnType<Engine['evaluate']> {
    throw new Error('nothing of the loop evaluates through the engine');
  }

  async close(): Promise<void> {}
}

function readSkill(folder: string): number {
  return (JSON.parse(readFileSync(path.join(folder, 'skill.json'), 'utf8')) as { skill: number }).skill;
}
