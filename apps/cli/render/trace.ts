import type { LoopTrace, RoundRecord, TrainingRecord } from '../../../store/trace.js';
import type { RoundTimeline } from '../../../workers/trace/read-timeline.js';
import { sumShares } from '../../../workers/trace/time-shares.js';
import { decisions } from './decisions.js';
import { duration, loss, percent, score } from './numbers.js';
import { sparkline } from './sparkline.js';
import type { Style } from './style.js';
import { renderTable } from './table.js';
import { shareBar, shareOf, timeParts } from './time-shares.js';

/** All that is known of what was asked for. */
export interface Trace {
  loop: string;
  /** Absent: the whole loop. */
  round?: number;
  /** Only the round's training. */
  training: boolean;
  records: LoopTrace;
  /** Of the rounds that Temporal has a history of; empty without a server. */
  timelines: RoundTimeline[];
  now: number;
  /** What could not be told, and why. */
  missing: string[];
}

/** The story as text. */
export function traceLines(trace: Trace, style: Style): string[] {
  const lines = trace.round === undefined ? loopLines(trace, style) : roundLines(trace, style);
  return [...lines, ...trace.missing.map((what) => style.yellow(`missing: ${what}`))];
}

function loopLines({ loop, records, timelines, now, missing }: Trace, style: Style): string[] {
  const { rounds, trainings, audit } = records;
  const rows = rounds.map((record, index) => {
    const timeline = timelines.find(({ round }) => round === record.round);
    const [begun, ended] = span(record, timeline, now);
    const before = rounds[index - 1];
    const waited =
      before &&
      begun -
        span(
          before,
          timelines.find(({ round }) => round === before.round),
          now,
        )[1];
    const training = trainings.find(({ round }) => round === record.round);
    return [
      style.bold(nameOf(record)),
      new Date(begun).toISOString().slice(11, 19),
      duration((ended - begun) / 1000),
      waited === undefined ? '–' : milliseconds(Math.max(0, waited)),
      ...(missing.length === rounds.length || timelines.length === 0
        ? []
        : [
            timeline === undefined ? '' : shareBar(timeline.time, 16, style),
            timeline === undefined ? '–' : percent(shareOf(timeline.time, 'orchestration')),
            faultCount(timeline, style),
          ]),
      training === undefined ? '' : `${sparkline(training.losses, 12)} ${loss(training.trainLoss)}`,
      score(record.score),
      outcome(record, style),
    ];
  });
  const timed = timelines.length > 0;
  const columns = [
    { header: 'round' },
    { header: 'start' },
    { header: 'took', align: 'right' as const },
    { header: 'waited', align: 'right' as const },
    ...(timed ? [{ header: 'time' }, { header: 'orch.', align: 'right' as const }, { header: 'faults' }] : []),
    { header: 'loss' },
    { header: 'score', align: 'right' as const },
    { header: '' },
  ];
  return [
    `${style.bold(`loop ${loop}`)} · rounds ${rounds[0]!.round} to ${rounds.at(-1)!.round} · ${rounds[0]!.startedAt.slice(0, 10)} UTC`,
    '',
    ...renderTable(columns, rows, style),
    '',
    ...(timed ? [`${label('time', style)}${timeParts(sumShares(timelines.map(({ time }) => time)), style)}`] : []),
    ...rounds.flatMap((record) => shortDecisions(record, style)),
    ...(audit.length === 0 ? [] : ['', style.dim('changes')]),
    ...audit.map(
      ({ at, actor, action, subject, details }) =>
        `  ${at.slice(0, 19).replace('T', ' ')}  ${actor} · ${action} ${subject}${details['reason'] ? ` · ${String(details['reason'])}` : ''}`,
    ),
  ];
}

function roundLines({ loop, records, timelines, now, training: onlyTraining }: Trace, style: Style): string[] {
  const record = records.rounds[0]!;
  const timeline = timelines[0];
  const [begun, ended] = span(record, timeline, now);
  const took = duration((ended - begun) / 1000);
  const trainings = records.trainings.filter(({ round }) => round === record.round);
  const head = [
    style.bold(`loop ${loop}`),
    record.round === 0 ? 'the base model' : `round ${record.round}`,
    record.status === 'running' ? style.yellow('unfinished') : record.status,
    `${new Date(begun).toISOString().slice(0, 19).replace('T', ' ')} UTC`,
    took,
  ].join(' · ');
  return [
    head,
    ...(timeline === undefined ? [] : ['', ...stageLines(timeline, onlyTraining, now, style)]),
    ...(trainings.length === 0 ? [] : ['']),
    ...trainings.flatMap((training) => trainingLines(training, onlyTraining ? 72 : 40, style)),
    ...(timeline === undefined || onlyTraining ? [] : [`${label('time', style)}${timeParts(timeline.time, style)}`]),
    ...(onlyTraining ? [] : decisionLines(record, style)),
  ];
}

const BAR = 32;

function stageLines(
  { workflow, stages, earlierRuns }: RoundTimeline,
  onlyTraining: boolean,
  now: number,
  style: Style,
): string[] {
  const end = workflow.endedAt ?? now;
  const whole = Math.max(1, end - workflow.startedAt);
  const shown = onlyTraining ? stages.filter(({ stage }) => stage === 'training') : stages;
  const rows = shown.map((stage) => {
    const until = stage.endedAt ?? now;
    const from = Math.min(BAR - 1, Math.floor(((stage.startedAt - workflow.startedAt) / whole) * BAR));
    const length = Math.max(1, Math.round(((until - stage.startedAt) / whole) * BAR));
    const retries = stage.attempts - stage.activities;
    return [
      stage.stage,
      milliseconds(stage.startedAt - workflow.startedAt),
      milliseconds(until - stage.startedAt),
      `${stage.activities}${retries > 0 ? style.yellow(` +${retries}`) : ''}`,
      milliseconds(stage.longestWait),
      style.dim('·'.repeat(from)) + style.cyan('━'.repeat(Math.min(length, BAR - from))),
      stage.workers.join(', ') + (stage.endedAt === null ? style.yellow(' running') : ''),
    ];
  });
  const faults = shown.flatMap(({ stage, faults: own }) => own.map((fault) => `${stage} · ${fault}`));
  return [
    ...renderTable(
      [
        { header: 'stage' },
        { header: 'at', align: 'right' },
        { header: 'took', align: 'right' },
        { header: 'activities' },
        { header: 'wait', align: 'right' },
        { header: '' },
        { header: 'worker' },
      ],
      rows,
      style,
    ),
    ...faults.map((fault) => style.yellow(`  tried again: ${fault}`)),
    ...(workflow.lostWorkflowTasks > 0
      ? [style.yellow(`  workflow tasks lost and done again: ${workflow.lostWorkflowTasks}`)]
      : []),
    ...(earlierRuns > 0
      ? [style.yellow(`  earlier runs of this round that failed or were ended: ${earlierRuns}`)]
      : []),
  ];
}

function trainingLines(training: TrainingRecord, width: number, style: Style): string[] {
  const {
    losses,
    trainLoss,
    validationLoss,
    steps,
    tokens,
    milliseconds: worked,
    checkpoints,
    bestStep,
    stoppedEarly,
  } = training;
  const facts = [
    `${steps ?? 0} steps`,
    ...(worked > 0
      ? [`${Math.round((1000 * tokens) / worked)} tokens/s`, `${milliseconds(worked / (steps || 1))} a step`]
      : []),
    ...(validationLoss === undefined ? [] : [`validation ${loss(validationLoss)}`]),
    ...(stoppedEarly === true ? [`stopped early, best at step ${bestStep}`] : []),
    `${checkpoints} ${checkpoints === 1 ? 'checkpoint' : 'checkpoints'}`,
  ];
  return [
    `${label('loss', style)}${style.cyan(sparkline(losses, width))} ${loss(losses[0])} → ${loss(losses.at(-1))}, mean ${loss(trainLoss)}`,
    `${label(training.id.endsWith('/preference') ? 'preferences' : 'training', style)}${facts.join(' · ')}`,
  ];
}

function decisionLines(record: RoundRecord, style: Style): string[] {
  const lines = decisions(record).map(([name, text]) => `${label(name, style)}${text}`);
  return lines.length === 0 ? [] : ['', ...lines];
}

/** What a round chose, in one line; the gate's reason is in the table. */
function shortDecisions(record: RoundRecord, style: Style): string[] {
  const shown = decisions(record).filter(([name]) =>
    ['curriculum', 'selection', 'tuning', 'live watch'].includes(name),
  );
  if (shown.length === 0) return [];
  return [`${label(`round ${record.round}`, style)}${shown.map(([, text]) => text).join(' · ')}`];
}

function outcome({ promoted, reason, status, round }: RoundRecord, style: Style): string {
  if (round === 0) return style.dim('the base model');
  if (status === 'running') return style.yellow('running');
  if (promoted === true) return style.green(`promoted: ${reason}`);
  return style.yellow(status === 'skipped' ? `not trained: ${reason}` : `kept the former: ${reason}`);
}

/** Start and end, milliseconds since 1970: Temporal's where it has them, else the store's. */
function span(
  { startedAt, finishedAt }: RoundRecord,
  timeline: RoundTimeline | undefined,
  now: number,
): [number, number] {
  if (timeline !== undefined) return [timeline.workflow.startedAt, timeline.workflow.endedAt ?? now];
  return [Date.parse(startedAt), finishedAt === undefined ? now : Date.parse(finishedAt)];
}

function faultCount(timeline: RoundTimeline | undefined, style: Style): string {
  if (timeline === undefined) return '–';
  const { workflow, stages, earlierRuns } = timeline;
  const count = stages.reduce((sum, { attempts, activities }) => sum + Math.max(0, attempts - activities), 0);
  const all = count + workflow.lostWorkflowTasks + earlierRuns;
  return all === 0 ? style.dim('none') : style.yellow(String(all));
}

const nameOf = ({ round }: RoundRecord): string => (round === 0 ? 'base' : String(round));
const label = (name: string, style: Style): string => style.dim(name.padEnd(14));

/** `38 ms` below a second, else as every duration. */
function milliseconds(value: number): string {
  return value < 1000 ? `${Math.round(value)} ms` : duration(value / 1000);
}
