/** Workflow id of a loop. */
export const loopWorkflowId = (loop: string): string => `loop/${loop}`;

/** Workflow id of one round; round 0 is the baseline. */
export const roundWorkflowId = (loop: string, round: number): string => `loop/${loop}/round-${round}`;

/** Workflow id of a round's training. */
export const trainingWorkflowId = (loop: string, round: number): string => `loop/${loop}/round-${round}/train`;

/** Workflow id of a round's training on preference pairs. */
export const preferenceWorkflowId = (loop: string, round: number): string => `loop/${loop}/round-${round}/preference`;

/** Workflow id of one trial of a round's tuning. */
export const trialWorkflowId = (loop: string, round: number, trial: number): string =>
  `loop/${loop}/round-${round}/trial-${trial}`;

/** Workflow id of the note that somebody forked a round's training; `id` is that of the request. */
export const forkNoteWorkflowId = (loop: string, id: string): string => `loop/${loop}/fork-${id}`;

/** Workflow id of a look at a loop's audit trail, before its own ending. */
export const auditWorkflowId = (loop: string): string => `loop/${loop}/audit`;

/** Workflow id of a look at a loop's statistics, before its own ending. */
export const statisticsWorkflowId = (loop: string): string => `loop/${loop}/statistics`;

/** Workflow id of a look at the rows that were refused, before its own ending. */
export const ledgerWorkflowId = 'ledger';

/** Workflow id of a look at a loop's story, before its own ending. */
export const traceWorkflowId = (loop: string): string => `loop/${loop}/trace`;

/** Id of the model version that a round trains; also the name of its folder. */
export const modelVersionId = (loop: string, round: number): string => `${loop}-round-${round}`;

/** Workflow id of a file's import; `sha256` is that of the file: importing it twice at once is one import. */
export const importWorkflowId = (loop: string, sha256: string): string => `loop/${loop}/import-${sha256.slice(0, 16)}`;
