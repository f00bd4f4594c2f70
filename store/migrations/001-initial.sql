-- Stage 1, feedback. `seq` counts a loop's events from 1 without gaps: it is the cursor of the loop.
CREATE TABLE feedback_events (
  loop VARCHAR NOT NULL,
  seq BIGINT NOT NULL CHECK (seq > 0),
  id VARCHAR NOT NULL CHECK (id <> ''),
  ts VARCHAR NOT NULL,
  input_data VARCHAR NOT NULL,
  ai_output VARCHAR NOT NULL,
  artifact_type VARCHAR NOT NULL,
  model_used VARCHAR NOT NULL,
  validation_score DOUBLE NOT NULL CHECK (validation_score BETWEEN 0 AND 100),
  feedback_type VARCHAR NOT NULL,
  context JSON NOT NULL,
  corrected_output VARCHAR,
  content_sha256 VARCHAR NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (loop, id)
);

-- The ledger: every row that could not be accepted, with where it came from and why.
CREATE TABLE rejected_rows (
  key VARCHAR PRIMARY KEY,
  source VARCHAR NOT NULL,
  line BIGINT NOT NULL,
  field VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  raw VARCHAR NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Stage 2, reward.
CREATE TABLE rewards (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  event_id VARCHAR NOT NULL,
  reward DOUBLE NOT NULL CHECK (reward BETWEEN -1 AND 1),
  base DOUBLE NOT NULL,
  age_days DOUBLE NOT NULL,
  decay DOUBLE NOT NULL,
  difficulty_factor DOUBLE NOT NULL,
  balance_factor DOUBLE NOT NULL,
  PRIMARY KEY (loop, round, event_id)
);

-- Stage 3, curriculum.
CREATE TABLE curriculum (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  event_id VARCHAR NOT NULL,
  artifact_type VARCHAR NOT NULL,
  difficulty DOUBLE NOT NULL CHECK (difficulty BETWEEN 0 AND 1),
  band VARCHAR NOT NULL,
  admitted BOOLEAN NOT NULL,
  PRIMARY KEY (loop, round, event_id)
);

CREATE TABLE curriculum_states (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  stage VARCHAR NOT NULL,
  streak INTEGER NOT NULL,
  history JSON NOT NULL,
  PRIMARY KEY (loop, round)
);

-- Stage 4, selection.
CREATE TABLE selections (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  event_id VARCHAR NOT NULL,
  artifact_type VARCHAR NOT NULL,
  rank INTEGER NOT NULL,
  selected BOOLEAN NOT NULL,
  uncertainty DOUBLE NOT NULL,
  diversity DOUBLE NOT NULL,
  quality DOUBLE NOT NULL,
  score DOUBLE NOT NULL CHECK (isfinite(score)),
  PRIMARY KEY (loop, round, event_id)
);

-- Stage 5, augmentation: originals and their variants.
CREATE TABLE examples (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  id VARCHAR NOT NULL,
  event_id VARCHAR NOT NULL,
  artifact_type VARCHAR NOT NULL,
  input VARCHAR NOT NULL,
  target VARCHAR NOT NULL,
  source VARCHAR NOT NULL,
  parent_id VARCHAR,
  operator VARCHAR,
  difficulty DOUBLE NOT NULL CHECK (difficulty BETWEEN 0 AND 1),
  reward DOUBLE NOT NULL CHECK (reward BETWEEN -1 AND 1),
  label_score DOUBLE NOT NULL CHECK (label_score BETWEEN 0 AND 100),
  hard_negative BOOLEAN NOT NULL,
  split VARCHAR NOT NULL,
  PRIMARY KEY (loop, round, id)
);

-- Stage 6, batching.
CREATE TABLE batches (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  id VARCHAR NOT NULL,
  artifact_type VARCHAR NOT NULL,
  size INTEGER NOT NULL CHECK (size >= 0),
  available INTEGER NOT NULL,
  average_quality DOUBLE NOT NULL,
  factors JSON NOT NULL,
  example_ids JSON NOT NULL,
  PRIMARY KEY (loop, round, id)
);

-- Stage 7, tuning.
CREATE TABLE trials (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  id VARCHAR NOT NULL,
  artifact_type VARCHAR NOT NULL,
  number INTEGER NOT NULL,
  state VARCHAR NOT NULL,
  parameters JSON NOT NULL,
  objective DOUBLE CHECK (isfinite(objective)),
  training_run_id VARCHAR,
  PRIMARY KEY (loop, round, id)
);

-- Stage 8, training.
CREATE TABLE training_runs (
  id VARCHAR PRIMARY KEY,
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  kind VARCHAR NOT NULL,
  status VARCHAR NOT NULL,
  strategy VARCHAR,
  seed BIGINT,
  base_model VARCHAR,
  initial_adapter VARCHAR,
  parameters JSON,
  batch_ids JSON,
  train_file JSON,
  validation_file JSON,
  steps INTEGER,
  train_loss DOUBLE,
  validation_loss DOUBLE,
  best_step INTEGER,
  stopped_early BOOLEAN,
  sha256 VARCHAR,
  output_dir VARCHAR,
  resumed_from INTEGER,
  truncated_rows INTEGER,
  milliseconds DOUBLE,
  error VARCHAR,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE training_steps (
  run_id VARCHAR NOT NULL,
  step INTEGER NOT NULL,
  total_steps INTEGER NOT NULL,
  loss DOUBLE NOT NULL,
  gradient_norm DOUBLE NOT NULL,
  learning_rate DOUBLE NOT NULL,
  tokens BIGINT NOT NULL,
  milliseconds DOUBLE NOT NULL,
  PRIMARY KEY (run_id, step)
);

CREATE TABLE checkpoints (
  run_id VARCHAR NOT NULL,
  step INTEGER NOT NULL,
  path VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, step)
);

CREATE TABLE model_versions (
  id VARCHAR PRIMARY KEY,
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  path VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL,
  run_id VARCHAR,
  parent_id VARCHAR,
  champion BOOLEAN NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Stage 9, tracking.
CREATE TABLE evaluations (
  id VARCHAR PRIMARY KEY,
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  model VARCHAR NOT NULL,
  split VARCHAR NOT NULL,
  artifact_type VARCHAR NOT NULL,
  n INTEGER NOT NULL,
  score DOUBLE NOT NULL CHECK (score BETWEEN 0 AND 100),
  success_rate DOUBLE NOT NULL CHECK (success_rate BETWEEN 0 AND 1),
  edge_score DOUBLE NOT NULL,
  edge_success_rate DOUBLE NOT NULL,
  mean_reward DOUBLE NOT NULL,
  latency_ms DOUBLE NOT NULL
);

CREATE TABLE rounds (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  status VARCHAR NOT NULL,
  config_hash VARCHAR,
  config JSON,
  after_seq BIGINT,
  upto_seq BIGINT,
  curriculum_stage VARCHAR,
  labels INTEGER,
  examples INTEGER,
  training_run_id VARCHAR,
  model_version_id VARCHAR,
  promoted BOOLEAN,
  score DOUBLE,
  success_rate DOUBLE,
  edge_score DOUBLE,
  train_loss DOUBLE,
  validation_loss DOUBLE,
  milliseconds DOUBLE,
  reason VARCHAR,
  summary JSON,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  finished_at TIMESTAMPTZ,
  PRIMARY KEY (loop, round)
);

-- Who changed what; the key makes a repeated entry the same entry.
CREATE TABLE audit (
  key VARCHAR PRIMARY KEY,
  loop VARCHAR NOT NULL,
  actor VARCHAR NOT NULL,
  action VARCHAR NOT NULL,
  subject VARCHAR NOT NULL,
  details JSON NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Activities whose writes are in this database, with the answer they gave.
CREATE TABLE applied_writes (
  workflow_id VARCHAR NOT NULL,
  activity_key VARCHAR NOT NULL,
  result JSON,
  applied_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (workflow_id, activity_key)
);

-- One row for each path feedback event → reward → example → batch → training run → checkpoint → model version → evaluation.
CREATE VIEW lineage AS
WITH members AS (
  SELECT loop, round, id AS batch_id, unnest(CAST(example_ids AS VARCHAR[])) AS example_id FROM batches
),
first_examples AS (
  SELECT * FROM examples QUALIFY row_number() OVER (PARTITION BY loop, id ORDER BY round) = 1
),
last_checkpoints AS (
  SELECT run_id, max(step) AS step FROM checkpoints GROUP BY run_id
)
SELECT
  event.loop,
  event.id AS event_id,
  event.seq,
  reward.reward,
  example.id AS example_id,
  members.batch_id,
  run.id AS run_id,
  run.round,
  checkpoint.step AS checkpoint_step,
  version.id AS model_version_id,
  evaluation.id AS evaluation_id
FROM feedback_events event
JOIN first_examples example ON example.loop = event.loop AND example.event_id = event.id
JOIN members ON members.loop = example.loop AND members.example_id = example.id
JOIN training_runs run ON run.loop = members.loop
  AND CASE WHEN run.batch_ids IS NULL THEN run.round = members.round
      ELSE list_contains(CAST(run.batch_ids AS VARCHAR[]), members.batch_id) END
LEFT JOIN rewards reward ON reward.loop = example.loop AND reward.round = example.round AND reward.event_id = event.id
LEFT JOIN last_checkpoints checkpoint ON checkpoint.run_id = run.id
LEFT JOIN model_versions version ON version.run_id = run.id
LEFT JOIN evaluations evaluation ON evaluation.loop = event.loop AND evaluation.model = version.id;
