-- Stage 1: what only some feedback has. (A table of its own: see 002 on ALTER TABLE.)
CREATE TABLE feedback_signals (
  loop VARCHAR NOT NULL,
  id VARCHAR NOT NULL,
  source VARCHAR,
  rejected_output VARCHAR,
  implicit_action VARCHAR,
  PRIMARY KEY (loop, id)
);

-- Stage 2: how far each source of feedback was believed.
CREATE TABLE feedback_sources (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  source VARCHAR NOT NULL,
  trust DOUBLE NOT NULL CHECK (trust BETWEEN 0 AND 1),
  compared INTEGER NOT NULL,
  suspect BOOLEAN NOT NULL,
  PRIMARY KEY (loop, round, source)
);
