-- Stage 8: pairs of a better and a worse answer, and the events behind them (none: the model's own answers).
CREATE TABLE preference_pairs (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  id VARCHAR NOT NULL,
  artifact_type VARCHAR NOT NULL,
  source VARCHAR NOT NULL,
  prompt VARCHAR NOT NULL,
  chosen VARCHAR NOT NULL,
  rejected VARCHAR NOT NULL,
  margin DOUBLE NOT NULL CHECK (margin BETWEEN 0 AND 1),
  event_ids JSON NOT NULL,
  PRIMARY KEY (loop, round, id)
);

CREATE OR REPLACE VIEW component_traces AS
SELECT loop, round, 'curriculum' AS component, count(*) AS traces FROM curriculum GROUP BY ALL
UNION ALL
SELECT loop, round, 'activeLearning', count(*) FROM selections GROUP BY ALL
UNION ALL
SELECT loop, round, 'augmentation', count(*) FROM examples WHERE source = 'augmented' GROUP BY ALL
UNION ALL
SELECT loop, round, 'hardNegativeMining', count(*) FROM examples WHERE hard_negative GROUP BY ALL
UNION ALL
SELECT loop, round, 'tuning', count(*) FROM trials GROUP BY ALL
UNION ALL
SELECT loop, round, 'preferenceLearning', count(*) FROM preference_pairs GROUP BY ALL
UNION ALL
SELECT loop, round, 'tracking', count(*) FROM evaluations WHERE split = 'validation' GROUP BY ALL;
