-- What 0009 of registry.db adds. Stores in PostgreSQL make no backups of this kind; a store that was copied from registry.db brings its rows along,
-- since those backups hold the same people.

CREATE TABLE backup_folder (
  path    text COLLATE "C" PRIMARY KEY,  -- absolute, as it was given
  newest  text COLLATE "C",              -- its newest backup, by its name, which is its time; NULL: none was completed
  backups bigint NOT NULL CHECK (backups >= 0)  -- complete ones, when that one was
);
