-- Schema 7: a shared segment's name stands for a list of contents (docs/decisions/0013-growing-memories.md). Its row, the head, has the first
-- one and is what profiles name; segment_part has what was appended. The table is made anew because two lists may come to have one content.

ALTER TABLE segment RENAME TO segment_before;

CREATE TABLE segment (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  name     TEXT UNIQUE,  -- NULL for a person's own segment
  kind     INTEGER NOT NULL,
  digest   BLOB NOT NULL CHECK (length(digest) = 32),
  model    INTEGER NOT NULL REFERENCES model (id),
  site     INTEGER NOT NULL,
  hidden   INTEGER NOT NULL,
  vocab    INTEGER NOT NULL,
  entries  INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,
  readers  INTEGER NOT NULL DEFAULT 0 CHECK (readers >= 0),  -- profiles that may read it
  keys     INTEGER NOT NULL DEFAULT 0,
  codebook INTEGER REFERENCES codebook (id),  -- of product-quantised keys
  data_key INTEGER,  -- in keys.db, of an own segment's object; NULL: the object is plain
  version  INTEGER NOT NULL DEFAULT 1 CHECK (version > 0)  -- one more whenever its contents change
) STRICT;

INSERT INTO segment (id, name, kind, digest, model, site, hidden, vocab, entries, bytes, readers, keys, codebook, data_key)
  SELECT id, name, kind, digest, model, site, hidden, vocab, entries, bytes, readers, keys, codebook, data_key
  FROM segment_before ORDER BY id;

-- The last number given, also where its row is gone.
DELETE FROM sqlite_sequence WHERE name = 'segment';
UPDATE sqlite_sequence SET name = 'segment' WHERE name = 'segment_before';

DROP TABLE segment_before;

-- Everything that is not said here is as in the head's row.
CREATE TABLE segment_part (
  head     INTEGER NOT NULL REFERENCES segment (id),
  position INTEGER NOT NULL CHECK (position > 0),  -- the head's version when it came
  digest   BLOB NOT NULL CHECK (length(digest) = 32),
  entries  INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,
  PRIMARY KEY (head, position)
) WITHOUT ROWID, STRICT;

CREATE INDEX segment_codebook ON segment (codebook) WHERE codebook IS NOT NULL;
CREATE INDEX segment_digest ON segment (digest, kind);
CREATE INDEX segment_part_digest ON segment_part (digest);
