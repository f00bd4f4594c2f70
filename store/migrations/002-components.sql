-- No ALTER TABLE here: DuckDB 1.5 cannot replay one from its log where a column has a CHECK.

-- Stage 4: where a random slice is kept beside the strategy, which of the two chose a candidate …
CREATE TABLE selection_slices (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  event_id VARCHAR NOT NULL,
  slice VARCHAR NOT NULL,
  PRIMARY KEY (loop, round, event_id)
);

-- … what its labels were worth …
CREATE TABLE label_yields (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  event_id VARCHAR NOT NULL,
  slice VARCHAR NOT NULL,
  yield DOUBLE NOT NULL CHECK (isfinite(yield)),
  PRIMARY KEY (loop, round, event_id)
);

-- … and what follows for the next round.
CREATE TABLE fallback_states (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  mode VARCHAR NOT NULL,
  rounds INTEGER NOT NULL,
  gains JSON NOT NULL,
  PRIMARY KEY (loop, round)
);

-- Stage 7: a study as it stands, with the parameters that are tried before its sampler proposes any.
CREATE TABLE studies (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  sampler VARCHAR NOT NULL,
  pruner VARCHAR NOT NULL,
  queue JSON NOT NULL,
  study JSON NOT NULL,
  PRIMARY KEY (loop, round)
);

-- Stage 9: paired tests of a challenger against the champion.
CREATE TABLE promotions (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  challenger VARCHAR NOT NULL,
  champion VARCHAR NOT NULL,
  decision VARCHAR NOT NULL,
  pairs INTEGER NOT NULL,
  mean_gain DOUBLE NOT NULL,
  e_value DOUBLE NOT NULL CHECK (isfinite(e_value)),
  p_value DOUBLE NOT NULL,
  PRIMARY KEY (loop, round)
);

-- Looks at the users' scores of a champion against those of its predecessor.
CREATE TABLE champion_watches (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  champion VARCHAR NOT NULL,
  former VARCHAR NOT NULL,
  verdict VARCHAR NOT NULL,
  pairs INTEGER NOT NULL,
  mean_difference DOUBLE NOT NULL,
  PRIMARY KEY (loop, round)
);

-- What each component of the loop left behind in each round; a component that is off leaves no row.
CREATE VIEW component_traces AS
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
SELECT loop, round, 'tracking', count(*) FROM evaluations WHERE split = 'validation' GROUP BY ALL;
