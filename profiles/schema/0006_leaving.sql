-- Schema 6: what the store knows about people having left (docs/decisions/0018-leaving.md); nothing here says who.

CREATE TABLE leaving (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- generation: a new profile begins after this one, so that no generation of an erased name is used twice and its hash need not be kept.
-- log: 1 from an erasure's commit until the log that holds the erased rows is emptied.
-- clean: 1 when no page of the file was ever written by a program that left old rows in unused room.
INSERT INTO leaving (name, value) VALUES ('generation', 0), ('log', 0),
  ('clean', NOT EXISTS (SELECT 1 FROM profile) AND NOT EXISTS (SELECT 1 FROM removed) AND NOT EXISTS (SELECT 1 FROM segment));

-- What happened, hash-chained (docs/formats/audit.md). AUTOINCREMENT keeps the last number, so that a cut tail is seen.
CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  event    BLOB NOT NULL,
  hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- One row in an encrypted store: what its keys.db must say too (docs/formats/keys.md).
CREATE TABLE encryption (
  mark BLOB NOT NULL CHECK (length(mark) = 16)
) STRICT;

ALTER TABLE segment ADD COLUMN data_key INTEGER;  -- in keys.db, of an own segment's object; NULL: the object is plain

-- Keys whose last row is gone and that are still to be deleted from keys.db.
CREATE TABLE doomed_key (
  id INTEGER PRIMARY KEY
) STRICT;
