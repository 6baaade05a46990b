-- Types of segments' keys, and the codebooks that product-quantised ones are read with (include/pema/codebook.h).

CREATE TABLE codebook (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  name   TEXT UNIQUE,  -- NULL: came with a segment, goes with the last one that needs it
  digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
  model  INTEGER NOT NULL REFERENCES model (id),
  site   INTEGER NOT NULL,
  hidden INTEGER NOT NULL,
  parts  INTEGER NOT NULL,
  bytes  INTEGER NOT NULL
) STRICT;

ALTER TABLE segment ADD COLUMN keys INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segment ADD COLUMN codebook INTEGER REFERENCES codebook (id);  -- of product-quantised keys

CREATE INDEX segment_codebook ON segment (codebook) WHERE codebook IS NOT NULL;
