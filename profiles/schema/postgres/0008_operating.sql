-- What operators decide about pools and people, as 0008_operating.sql of registry.db (docs/decisions/0019-operating.md).

-- A bit per adapter, least significant first: new masks do not choose it. NULL: none.
ALTER TABLE pool ADD COLUMN retired bytea;

-- Whoever's name begins with `name` and a slash is a tenant's. Only tenants with limits have a row; counts are of all their profiles.
CREATE TABLE tenant (
  name          text COLLATE "C" PRIMARY KEY,
  most_profiles bigint CHECK (most_profiles >= 0),  -- NULL: any number
  most_bytes    bigint CHECK (most_bytes >= 0),     -- of own segments, for each profile that reads one; NULL: any number
  retention     bigint CHECK (retention > 0),       -- seconds that new profiles are kept; NULL: for ever
  profiles      bigint NOT NULL CHECK (profiles >= 0),
  bytes         bigint NOT NULL CHECK (bytes >= 0)
);

-- When profiles are to be erased; those without a row stay.
CREATE TABLE expiry (
  profile bigint PRIMARY KEY,
  expires bigint NOT NULL  -- seconds since 1970, UTC
);

CREATE INDEX expiry_time ON expiry (expires);
