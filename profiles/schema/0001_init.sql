-- Schema 1 of registry.db. Embedded at build time; never edited once released: a change is a new file.
-- Enums are integers, fixed in include/pema/*.h. Digests are 32 raw bytes. The packed columns of `profile` are in
-- docs/formats/registry.md. AUTOINCREMENT: a number is never given to a second thing, so a stale one cannot hit.

CREATE TABLE model (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  fingerprint  BLOB NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
  name         TEXT NOT NULL,
  architecture TEXT NOT NULL,
  hidden       INTEGER NOT NULL CHECK (hidden > 0),
  vocab        INTEGER NOT NULL CHECK (vocab > 0),
  path         TEXT NOT NULL
) STRICT;

CREATE TABLE pool (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL,
  version    INTEGER NOT NULL CHECK (version > 0),
  digest     BLOB NOT NULL CHECK (length(digest) = 32),
  model      INTEGER NOT NULL REFERENCES model (id),
  hidden     INTEGER NOT NULL,
  site       INTEGER NOT NULL,
  form       INTEGER NOT NULL,
  algebra    INTEGER NOT NULL,
  norm       INTEGER NOT NULL,
  adapters   INTEGER NOT NULL,
  rank       INTEGER NOT NULL,
  mask_scale REAL NOT NULL,
  recipe     TEXT NOT NULL,
  shared     BLOB CHECK (length(shared) = 32),  -- object of the always-on adapter
  UNIQUE (name, version)
) STRICT;

CREATE INDEX pool_digest ON pool (digest);

CREATE TABLE pool_block (
  pool     INTEGER NOT NULL REFERENCES pool (id),
  position INTEGER NOT NULL CHECK (position >= 0),
  object   BLOB NOT NULL CHECK (length(object) = 32),
  PRIMARY KEY (pool, position)
) WITHOUT ROWID, STRICT;

CREATE TABLE segment (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  name    TEXT UNIQUE,  -- NULL for a person's own segment
  kind    INTEGER NOT NULL,
  digest  BLOB NOT NULL CHECK (length(digest) = 32),
  model   INTEGER NOT NULL REFERENCES model (id),
  site    INTEGER NOT NULL,
  hidden  INTEGER NOT NULL,
  vocab   INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  bytes   INTEGER NOT NULL,
  readers INTEGER NOT NULL DEFAULT 0 CHECK (readers >= 0),  -- profiles that may read it
  UNIQUE (digest, kind)
) STRICT;

-- The one table that grows with people. `mask` is last: whatever precedes it is read without it.
CREATE TABLE profile (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL UNIQUE,
  generation INTEGER NOT NULL CHECK (generation > 0),
  pool       INTEGER REFERENCES pool (id),
  schedule   BLOB NOT NULL,
  segments   BLOB NOT NULL,
  mask       BLOB NOT NULL
) STRICT;

-- Last generation of a removed name, so that the name starts after it. The name itself is not kept.
CREATE TABLE removed (
  name_hash  BLOB PRIMARY KEY CHECK (length(name_hash) = 16),
  generation INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- Object files whose last row is gone and that are still to be deleted.
CREATE TABLE doomed (
  object BLOB PRIMARY KEY CHECK (length(object) = 32)
) WITHOUT ROWID, STRICT;
