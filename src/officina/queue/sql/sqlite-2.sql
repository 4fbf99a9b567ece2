-- Schema version 2: what an attempt wants the next one to know.

ALTER TABLE jobs ADD COLUMN memo TEXT NOT NULL DEFAULT '';
