-- Folders in which backups of the store were made, so that the receipt of an erasure can name them (docs/decisions/0018-leaving.md). A path
-- is the operator's, of the machine that made the backup.

CREATE TABLE backup_folder (
  path    TEXT PRIMARY KEY,  -- absolute, as it was given
  newest  TEXT,              -- its newest backup, by its name, which is its time; NULL: none was completed
  backups INTEGER NOT NULL CHECK (backups >= 0)  -- complete ones, when that one was
) WITHOUT ROWID, STRICT;
