-- Rounds that a reset or a return to another model has left behind. Their rows stay; the loop no longer builds on them.
CREATE TABLE superseded_rounds (
  loop VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  request VARCHAR NOT NULL,
  PRIMARY KEY (loop, round)
);

-- States that somebody's request has put a loop into, in order: the newest holds until a later round is finished.
CREATE TABLE steered_states (
  loop VARCHAR NOT NULL,
  ordinal INTEGER NOT NULL,
  request VARCHAR NOT NULL,
  round INTEGER NOT NULL,
  state JSON NOT NULL,
  PRIMARY KEY (loop, ordinal)
);
