-- One row for each path feedback event → reward → example → batch → training run → checkpoint → model version → evaluation.
-- A batch took an example, with its reward, from the first round that counted then: one that a reset has left behind is
-- followed by rounds to which it no longer belongs, and still belongs to those that were left behind together with it.
CREATE OR REPLACE VIEW lineage AS
WITH left_behind AS (
  SELECT loop, round, max(round) OVER (PARTITION BY loop, request) AS last FROM superseded_rounds
),
members AS (
  SELECT loop, round, id AS batch_id, unnest(CAST(example_ids AS VARCHAR[])) AS example_id FROM batches
),
taken AS (
  SELECT members.*, example.event_id, example.round AS example_round
  FROM members
  JOIN examples example ON example.loop = members.loop AND example.id = members.example_id
  LEFT JOIN left_behind ON left_behind.loop = example.loop AND left_behind.round = example.round
    AND left_behind.last < members.round
  WHERE left_behind.round IS NULL
  QUALIFY row_number() OVER (PARTITION BY members.loop, batch_id, example_id ORDER BY example.round) = 1
),
last_checkpoints AS (
  SELECT run_id, max(step) AS step FROM checkpoints GROUP BY run_id
)
SELECT
  event.loop,
  event.id AS event_id,
  event.seq,
  reward.reward,
  taken.example_id,
  taken.example_round,
  taken.batch_id,
  run.id AS run_id,
  run.round,
  checkpoint.step AS checkpoint_step,
  version.id AS model_version_id,
  evaluation.id AS evaluation_id
FROM feedback_events event
JOIN taken ON taken.loop = event.loop AND taken.event_id = event.id
JOIN training_runs run ON run.loop = taken.loop
  AND CASE WHEN run.batch_ids IS NULL THEN run.round = taken.round
      ELSE list_contains(CAST(run.batch_ids AS VARCHAR[]), taken.batch_id) END
LEFT JOIN rewards reward ON reward.loop = event.loop AND reward.round = taken.example_round AND reward.event_id = event.id
LEFT JOIN last_checkpoints checkpoint ON checkpoint.run_id = run.id
LEFT JOIN model_versions version ON version.run_id = run.id
LEFT JOIN evaluations evaluation ON evaluation.loop = event.loop AND evaluation.model = version.id;
