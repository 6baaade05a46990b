-- Schema 2: a pool version may have a gate, which weighs the sources of its people's rows (include/pema/gate.h).

ALTER TABLE pool ADD COLUMN gate BLOB CHECK (length(gate) = 32);  -- object; NULL: none
