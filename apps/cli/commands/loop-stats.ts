import { outputOf, resolveConfig, type CommonOptions } from '../command-context.js';
import { withStore } from '../loop-client.js';

/** `ratchet loop stats`: how much feedback and how many batches a loop has had, and where its curriculum stands. */
export async function showStatistics(options: CommonOptions & { name?: string }): Promise<number> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveConfig(options, { overrides: { 'loop.name': options.name } });
  const { name } = config.loop;
  const statistics = await withStore(config, dataFolder, (store) => store.statistics(name));
  output.object(statistics);
  output.line(output.style.bold(`loop ${name}`));
  output.line(`  feedback events   ${statistics.feedback_events}`);
  output.line(`  training batches  ${statistics.training_batches}`);
  output.line(`  curriculum stage  ${statistics.curriculum.current_stage}`);
  return 0;
}
