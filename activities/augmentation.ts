import { Context } from '@temporalio/activity';
import type { ArtifactType, ExampleRow } from '../config/domain.js';
import { stream, type Stream } from '../config/random.js';
import {
  contextVariation,
  ownConvention,
  paraphrase,
  permuteOutput,
  renameIdentifiers,
  scoreByConvention,
  splitOf,
  taskId,
} from '../datasets/index.js';
import { DataAugmenter, type AugmentationOperator } from '../learning/augmentation/data-augmenter.js';
import { heldOutRequests, type IsHeldOut } from '../learning/tracking/held-out.js';
import { roundFolder, RoundFiles, type Dependencies } from './dependencies.js';
import { givingWay } from './give-way.js';
import type { CpuActivities } from './interfaces.js';
import { openRewriter } from './rewriter.js';

type Variant = { specification: string; output: string } | null;

function operator(
  name: string,
  make: (artifactType: ArtifactType, specification: string, output: string, random: Stream) => Variant,
): AugmentationOperator {
  return {
    name,
    apply(example, [seed, ...purpose]) {
      const made = make(example.artifactType, example.input, example.target, stream(Number(seed), ...purpose));
      return made && { input: made.specification, target: made.output };
    },
  };
}

/** The variants that the task family knows. */
export const OPERATORS = [
  operator('rename', renameIdentifiers),
  operator('paraphrase', (type, specification, output, random) => {
    const changed = paraphrase(type, specification, random);
    return changed === null ? null : { specification: changed, output };
  }),
  operator('context', (type, specification, output, random) => {
    const changed = contextVariation(type, specification, random);
    return changed === null ? null : { specification: changed, output };
  }),
  operator('permute', (type, specification, output, random) => {
    const changed = permuteOutput(type, output, random);
    return changed === null ? null : { specification, output: changed };
  }),
];

/** Tasks that evaluations draw, and near-duplicates of what trainings are validated on. */
function heldOut(examples: readonly ExampleRow[]): IsHeldOut {
  const isValidated = heldOutRequests(examples);
  return (artifactType, input) => {
    const split = splitOf(taskId(artifactType, input));
    return split === 'test' || split === 'validation' || isValidated(artifactType, input);
  };
}

/** Stage 5: augmentation. */
export function createAugmentationActivities(deps: Dependencies): Pick<CpuActivities, 'augmentExamples'> {
  const files = new RoundFiles(deps.dataFolder);
  return {
    async augmentExamples({ key, config, examplesRef, earlierExamplesRef = null }) {
      const examples = await files.read<ExampleRow>(examplesRef);
      if (!config.components.augmentation) return files.write(key, 'examples', examples);
      const { factor, backTranslation, provider } = config.augmentation;
      const earlier = await files.readEarlier(earlierExamplesRef, config);
      const rewrites = files.path(`${roundFolder(key)}/rewrites.jsonl`);
      const augmenter = new DataAugmenter(factor, {
        useBackTranslation: backTranslation,
        ...(backTranslation &&
          provider && {
            rewriter: openRewriter(provider, rewrites, Context.current().cancellationSignal),
          }),
      });
      const convention = ownConvention(config.simulatedUsers);
      const giveWay = givingWay();
      const augmented = await augmenter.augmentTrainingData(
        examples,
        OPERATORS,
        async (row) => {
          await giveWay();
          return scoreByConvention(convention, row.artifactType, row.input, row.target);
        },
        { seed: config.seed, isHeldOut: heldOut([...earlier, ...examples]) },
      );
      return {
        ...(await files.write(key, 'examples', augmented.examples)),
        rejectedRef: await files.write(key, 'augmentation-rejected', augmented.rejected),
      };
    },
  };
}
