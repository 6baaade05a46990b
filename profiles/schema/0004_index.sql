-- Index files over segments (include/pema/index_record.h). Each is a cache that can be built again at any time, and as
-- personal as the segments: it goes in the transaction in which the last row of one of its segments goes.

CREATE TABLE recall_index (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  name     TEXT NOT NULL UNIQUE,
  digest   BLOB NOT NULL CHECK (length(digest) = 32),  -- object
  model    INTEGER NOT NULL REFERENCES model (id),
  scope    INTEGER NOT NULL,  -- what it was built over, so that it can be built again
  pool     TEXT,              -- name; of the scope that needs one
  recall   REAL NOT NULL CHECK (recall > 0 AND recall <= 1),
  hidden   INTEGER NOT NULL,
  entries  INTEGER NOT NULL,
  lists    INTEGER NOT NULL,
  segments INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,  -- of the file
  memory   INTEGER NOT NULL   -- bytes, when loaded
) STRICT;

-- By digest, not by number: one content may be stored as own and as shared.
CREATE TABLE recall_index_segment (
  segment      BLOB NOT NULL CHECK (length(segment) = 32),
  recall_index INTEGER NOT NULL REFERENCES recall_index (id) ON DELETE CASCADE,
  PRIMARY KEY (segment, recall_index)
) WITHOUT ROWID, STRICT;

CREATE INDEX recall_index_segments ON recall_index_segment (recall_index);
