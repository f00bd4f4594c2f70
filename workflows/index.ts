export { checkFeedback } from './check-feedback.js';
export { reportStatistics } from './report-statistics.js';
export { importFeedback } from './import-feedback.js';
export { measureBaseline } from './measure-baseline.js';
export { runAdaptiveLoop } from './run-adaptive-loop.js';
export { runRound } from './run-round.js';
export { runTrial } from './run-trial.js';
export { trainAdapter } from './train-adapter.js';
