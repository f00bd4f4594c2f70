import type { reportStatistics } from '../../../workflows/report-statistics.js';
import { statisticsWorkflowId } from '../../../workflows/identifiers.js';
import { outputOf, resolveConfig, type CommonOptions } from '../command-context.js';
import { withRunning, workflowSettings } from '../loop-client.js';

/** `ratchet loop stats`: how much feedback and how many batches a loop has had, and where its curriculum stands. */
export async function showStatistics(options: CommonOptions & { name?: string }): Promise<number> {
  const output = outputOf(options);
  const { config, dataFolder } = await resolveConfig(options, { overrides: { 'loop.name': options.name } });
  const { name } = config.loop;
  return await withRunning(config, dataFolder, async ({ client }) => {
    const statistics = await client.workflow.execute<typeof reportStatistics>('reportStatistics', {
      taskQueue: config.taskQueues.loop,
      workflowId: statisticsWorkflowId(name),
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [{ loop: name, settings: workflowSettings(config) }],
    });
    output.object(statistics);
    output.line(output.style.bold(`loop ${name}`));
    output.line(`  feedback events   ${statistics.feedback_events}`);
    output.line(`  training batches  ${statistics.training_batches}`);
    output.line(`  curriculum stage  ${statistics.curriculum.current_stage}`);
    return 0;
  });
}
