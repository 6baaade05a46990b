-- Schema 5: ten million profiles (docs/decisions/0011-registry-scale.md). What many profiles have in common is a row of `setting`; the name
-- has a table of its own. The packed columns are in docs/formats/registry.md.

-- Numbers that are handed out by hand, since AUTOINCREMENT costs a write per row.
CREATE TABLE counter (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL  -- the last one given
) WITHOUT ROWID, STRICT;

-- Never changed but for its count; a number is never given to a second one. All three of schedule, segments and mask are NULL where each
-- profile says them itself.
CREATE TABLE setting (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  pool     INTEGER REFERENCES pool (id),
  schedule BLOB,  -- without the three lambdas
  segments BLOB,  -- shared ones
  mask     BLOB,  -- kind, sides and size
  profiles INTEGER NOT NULL DEFAULT 0 CHECK (profiles >= 0),  -- that have it
  CHECK ((schedule IS NULL) = (segments IS NULL) AND (schedule IS NULL) = (mask IS NULL))
) STRICT;

INSERT INTO counter (name, value)
  VALUES ('profile', coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'profile'), 0));

INSERT INTO setting (pool, profiles) SELECT pool, count(*) FROM profile GROUP BY pool;

ALTER TABLE profile RENAME TO profile_before;

-- The one table that grows with people, in the order of their numbers. `setting` is no REFERENCES: a reference would read this whole table
-- when a setting goes.
CREATE TABLE profile (
  id         INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL CHECK (generation > 0),  -- 1 takes no byte
  setting    INTEGER NOT NULL,
  data       BLOB NOT NULL
) STRICT;

CREATE TABLE profile_name (
  name    TEXT PRIMARY KEY,
  profile INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

INSERT INTO profile (id, generation, setting, data)
  SELECT id, generation, (SELECT id FROM setting WHERE setting.pool IS profile_before.pool),
         CAST(schedule || (CASE length(mask) WHEN 0 THEN x'04' ELSE mask END) || segments AS BLOB)
  FROM profile_before ORDER BY id;

INSERT INTO profile_name (name, profile) SELECT name, id FROM profile_before ORDER BY name;

DROP TABLE profile_before;

-- Made here, it takes a page of the old table's: a new store has no free one.
CREATE INDEX setting_content ON setting (pool, schedule, segments, mask);

-- What a reader that keeps profiles has to drop: one row for each replacement and each removal. Old rows are taken away.
CREATE TABLE change (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  profile  INTEGER NOT NULL  -- 0: any
) STRICT;
