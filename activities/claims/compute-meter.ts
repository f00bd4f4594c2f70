import { readFile } from 'node:fs/promises';
import {
  countParameters,
  estimateMemory,
  inspectRows,
  loadTokenizer,
  readModelConfig,
  targetModules,
  type Engine,
  type RowInspector,
  type TrainSpec,
} from '../../engine/index.js';
import { parseLines } from '../artifacts.js';

/** A multiplication and an addition. */
const PRODUCT = 2;

/**
 * An engine that counts the floating point operations of what it is asked for, by the usual estimate (Kaplan et al. 2020,
 * §2.1): 2 a token and parameter forwards, 2 more to take the gradient through a weight, and 2 more for the gradient of
 * one that learns. Attention over the context, norms and activation functions are left out.
 */
export class ComputeMeter implements Engine {
  /** So far. Of a training all steps of its result count, those before a kill, too. */
  operations = 0;

  constructor(private readonly engine: Engine) {}

  async train(...[spec, hooks]: Parameters<Engine['train']>): ReturnType<Engine['train']> {
    let validations = 0;
    const result = await this.engine.train(spec, {
      ...hooks,
      onValidation: (validation) => {
        validations++;
        hooks?.onValidation?.(validation);
      },
    });
    const { batchSize, gradientAccumulationSteps, maxLength } = spec.parameters;
    const inspector = await inspectRows(spec.modelDir, {
      ...(spec.objective && { objective: spec.objective }),
      maxLength,
    });
    const unfit = new Set(result.unfitRows?.map(({ id }) => id));
    const train = await measureFile(inspector, spec.trainFile, unfit);
    const validation = spec.validationFile ? await measureFile(inspector, spec.validationFile, unfit) : { tokens: 0 };
    const passes = (result.steps * batchSize * gradientAccumulationSteps) / train.rows;
    const { forward, step } = operationsPerToken(spec, inspector);
    // Whole numbers add up to the same sum in whatever order, as a resumed run needs it.
    this.operations += Math.round(passes * train.tokens * step) + validations * validation.tokens * forward;
    // The reference of the pairs is asked once, before the first step.
    if (inspector.objective.kind === 'dpo') this.operations += train.tokens * forward;
    return result;
  }

  async generate(...[spec, hooks]: Parameters<Engine['generate']>): ReturnType<Engine['generate']> {
    const generations = await this.engine.generate(spec, hooks);
    const written = generations.reduce((sum, { tokens }) => sum + tokens.length, 0);
    await this.countForward(spec.modelDir, spec.prompts, written);
    return generations;
  }

  async embed(...[spec, hooks]: Parameters<Engine['embed']>): ReturnType<Engine['embed']> {
    const vectors = await this.engine.embed(spec, hooks);
    await this.countForward(spec.modelDir, spec.texts);
    return vectors;
  }

  /** Not counted: no stage of a loop evaluates by loss outside of its training. */
  evaluate(...asked: Parameters<Engine['evaluate']>): ReturnType<Engine['evaluate']> {
    return this.engine.evaluate(...asked);
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  private async countForward(modelDir: string, texts: readonly string[], written = 0): Promise<void> {
    const [config, tokenizer] = await Promise.all([readModelConfig(modelDir), loadTokenizer(modelDir)]);
    const tokens = texts.reduce((sum, text) => sum + tokenizer.encode(text).length, written);
    this.operations += PRODUCT * countParameters(config) * tokens;
  }
}

async function measureFile(
  inspector: RowInspector,
  file: string,
  unfit: ReadonlySet<string>,
): Promise<{ rows: number; tokens: number }> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  const rows = parseLines<Parameters<RowInspector['inspect']>[0]>(lines).filter(({ id }) => !unfit.has(id));
  return { rows: rows.length, tokens: rows.reduce((sum, row) => sum + inspector.inspect(row).tokens, 0) };
}

/** Of a token that is only read, and of one that is trained on. */
function operationsPerToken(
  { strategy, parameters: { loraRank: rank, targetModules: wanted } }: TrainSpec,
  { config }: RowInspector,
): { forward: number; step: number } {
  const size = { config, strategy, batch: 1, time: 1, rank };
  const modules = strategy === 'full' ? {} : { modules: targetModules(config, wanted) };
  const { parameters, trainableParameters: learning } = estimateMemory({ ...size, ...modules });
  const all = strategy === 'full' ? parameters : parameters + learning;
  return { forward: PRODUCT * all, step: PRODUCT * (2 * all + learning) };
}
