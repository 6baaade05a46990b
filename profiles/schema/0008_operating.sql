-- What operators decide about pools and people (docs/decisions/0019-operating.md). Nothing here widens the rows of people.

-- A bit per adapter, least significant first: new masks do not choose it. NULL: none.
ALTER TABLE pool ADD COLUMN retired BLOB;

-- Whoever's name begins with `name` and a slash is a tenant's. Only tenants with limits have a row; counts are of all their profiles.
CREATE TABLE tenant (
  name          TEXT PRIMARY KEY,
  most_profiles INTEGER CHECK (most_profiles >= 0),  -- NULL: any number
  most_bytes    INTEGER CHECK (most_bytes >= 0),     -- of own segments, for each profile that reads one; NULL: any number
  retention     INTEGER CHECK (retention > 0),       -- seconds that new profiles are kept; NULL: for ever
  profiles      INTEGER NOT NULL CHECK (profiles >= 0),
  bytes         INTEGER NOT NULL CHECK (bytes >= 0)
) WITHOUT ROWID, STRICT;

-- When profiles are to be erased; those without a row stay.
CREATE TABLE expiry (
  profile INTEGER PRIMARY KEY,
  expires INTEGER NOT NULL  -- seconds since 1970, UTC
) STRICT;

CREATE INDEX expiry_time ON expiry (expires);
