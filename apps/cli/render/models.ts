import type { DescribedModel } from '../commands/models.js';
import { bytes } from './numbers.js';
import { renderTable } from './table.js';
import type { Style } from './style.js';

/** A table of the models, one line each. */
export function modelRows(models: readonly DescribedModel[], style: Style): string[] {
  return renderTable(
    [
      { header: 'model' },
      { header: 'architecture' },
      { header: 'task' },
      { header: 'nominal', align: 'right' },
      { header: 'parameters', align: 'right' },
      { header: 'full', align: 'right' },
      { header: 'LoRA', align: 'right' },
      { header: 'QLoRA', align: 'right' },
      { header: 'licence' },
    ],
    models.map(({ id, family, task, nominal, measuredParameters, memory, license }) => [
      id,
      family,
      task,
      nominal,
      grouped(measuredParameters),
      bytes(memory.full.total),
      bytes(memory.lora.total),
      bytes(memory.qlora.total),
      license,
    ]),
    style,
  );
}

/** All that is known of one model. */
export function modelDetails(model: DescribedModel): string[] {
  const { memory } = model;
  const lines: [string, string][] = [
    ['model', `${model.id} (${model.note})`],
    ['architecture', `${model.family}, ${model.task}`],
    ['parameters', `${grouped(model.measuredParameters)} counted, ${grouped(model.publishedParameters)} published`],
    ['nominal', model.nominal],
    ['licence', model.license],
    ['from', `https://huggingface.co/${model.hub}${model.gated ? ' (wants an account)' : ''}`],
    ...(['full', 'lora', 'qlora'] as const).map((strategy): [string, string] => {
      const { total, weights, gradients, optimizer, activations, process } = memory[strategy];
      const parts = `weights ${bytes(weights)}, gradients ${bytes(gradients)}, optimizer ${bytes(optimizer)}, activations ${bytes(activations)}, process ${bytes(process)}`;
      return [strategy, `${bytes(total)}: ${parts}`];
    }),
  ];
  return lines.map(([name, text]) => `${name.padEnd(14)}${text}`);
}

const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
