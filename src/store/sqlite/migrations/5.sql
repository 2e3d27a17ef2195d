-- `policy`: the rules of deliveries as JSON, once for all that have the same. `delivery.secret` and `capture.secret`
-- say which kind of secret signed, never the secret; a capture of an older format says it in a text for people.
-- Columns cannot stand in for readers of an older file, so whole records are read through views.
--
-- `work`: what was promised for capture `n` and is not done, in the lanes of `work_lane`. `delivery` is the number of
-- a forward's delivery once its first attempt is on record. Both tables are empty as long as nothing waits.
CREATE TABLE policy (
    p    INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;
ALTER TABLE delivery ADD COLUMN secret TEXT;
ALTER TABLE delivery ADD COLUMN policy INTEGER;
ALTER TABLE delivery ADD COLUMN addresses TEXT;
ALTER TABLE capture ADD COLUMN secret TEXT;
CREATE VIEW whole_delivery AS SELECT * FROM delivery;
CREATE VIEW whole_capture AS SELECT *, coalesce(
    secret,
    CASE WHEN verdict = 'verified' AND detail LIKE '%dev secret%' THEN '"dev"' END
) AS proof FROM capture;
CREATE TABLE work_lane (
    lane   BLOB NOT NULL PRIMARY KEY,
    kind   TEXT NOT NULL,
    target TEXT NOT NULL,
    folder TEXT NOT NULL,
    trust  TEXT,
    policy TEXT NOT NULL,
    owner  TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE work (
    lane     BLOB    NOT NULL,
    seq      INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    delivery INTEGER,
    PRIMARY KEY (lane, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX work_capture ON work (n);
CREATE INDEX work_delivery ON work (delivery) WHERE delivery IS NOT NULL;
CREATE INDEX capture_unsigned ON capture (n, weight) WHERE verdict = 'unsigned';

-- Secrets that were left out of record `n`: in their place stands a mask, which begins at byte `start`. `part` is the
-- number of an attempt, or 0.
CREATE TABLE sealed (
    n           INTEGER NOT NULL,
    place       TEXT    NOT NULL,
    part        INTEGER NOT NULL,
    start       INTEGER NOT NULL,
    form        TEXT    NOT NULL,
    reference   TEXT,
    fingerprint TEXT    NOT NULL,
    PRIMARY KEY (n, place, part, start)
) STRICT, WITHOUT ROWID;
