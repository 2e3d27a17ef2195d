-- Captures and deliveries share one sequence of numbers, `n`. What a list shows stands apart from the bytes, so that
-- a million rows are looked through without reading a body. Times are microseconds since the epoch, durations
-- nanoseconds, `weight` is about what a capture takes in bytes. The indexes on ids are not unique on purpose: an id
-- that comes twice (a seeded run, repeated) must not make the group fail that it is in.
CREATE TABLE capture (
    n            INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL,
    at           INTEGER NOT NULL,
    method       TEXT    NOT NULL,
    target       TEXT    NOT NULL,
    remote       TEXT    NOT NULL,
    provider     TEXT,
    event        TEXT,
    event_id     TEXT,
    verdict      TEXT    NOT NULL,
    reason       TEXT,
    detail       TEXT,
    status       INTEGER NOT NULL,
    size         INTEGER NOT NULL,
    weight       INTEGER NOT NULL,
    dedupe       INTEGER,
    duplicate_of INTEGER,
    forwarded_to TEXT,
    late         INTEGER NOT NULL
) STRICT;
CREATE INDEX capture_id ON capture (id);
CREATE INDEX capture_late ON capture (at) WHERE late;
CREATE INDEX capture_refused ON capture (n, weight) WHERE verdict = 'refused';

CREATE TABLE capture_content (
    n          INTEGER PRIMARY KEY,
    dedupe_key TEXT,
    headers    BLOB NOT NULL,
    body       BLOB NOT NULL
) STRICT;

-- `m` is the number of the first delivery of the message.
CREATE TABLE message (
    m            INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL,
    wire_id      TEXT    NOT NULL,
    event        TEXT    NOT NULL,
    time         INTEGER NOT NULL,
    mode         TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    body         BLOB    NOT NULL
) STRICT;
CREATE INDEX message_id ON message (id);

-- `attempts`, `status`, `reason` and `took` repeat what the attempts say, the last one where there are several.
CREATE TABLE delivery (
    n        INTEGER PRIMARY KEY,
    id       BLOB    NOT NULL,
    at       INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    event    TEXT,
    provider TEXT,
    endpoint TEXT,
    url      TEXT    NOT NULL,
    method   TEXT    NOT NULL,
    headers  BLOB    NOT NULL,
    signing  TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    origin   INTEGER,
    delays   TEXT    NOT NULL,
    owner    TEXT,
    state    TEXT    NOT NULL,
    next_due INTEGER,
    size     INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    status   INTEGER,
    reason   TEXT,
    took     INTEGER,
    late     INTEGER NOT NULL
) STRICT;
CREATE INDEX delivery_id ON delivery (id);
CREATE INDEX delivery_late ON delivery (at) WHERE late;
CREATE INDEX delivery_failed ON delivery (n) WHERE state = 'failed';
CREATE INDEX delivery_pending ON delivery (n) WHERE state = 'pending';
CREATE INDEX delivery_origin ON delivery (origin) WHERE origin IS NOT NULL;
CREATE INDEX delivery_shared ON delivery (message) WHERE message <> n;

-- Either `status` with what was answered, or `error` with `text`.
CREATE TABLE attempt (
    delivery  INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    took      INTEGER NOT NULL,
    request   BLOB    NOT NULL,
    status    INTEGER,
    headers   BLOB,
    truncated INTEGER,
    body      BLOB,
    error     TEXT,
    text      TEXT,
    PRIMARY KEY (delivery, seq)
) STRICT, WITHOUT ROWID;

-- No record before `n` is of that minute since the epoch or of a later one. A record from `n` on that is of an earlier
-- minute is `late`.
CREATE TABLE minute (
    minute INTEGER PRIMARY KEY,
    n      INTEGER NOT NULL
) STRICT;

-- Where the newest capture with a hash is, for the captures up to `last_n` of a run; a run's buckets follow each other.
CREATE TABLE seen_run (
    run    INTEGER PRIMARY KEY,
    last_n INTEGER NOT NULL,
    filter BLOB    NOT NULL
) STRICT;
CREATE TABLE seen (
    bucket  INTEGER PRIMARY KEY,
    entries BLOB    NOT NULL
) STRICT;

-- The highest number that was ever given to a record that is pruned by now: numbers are not used twice.
CREATE TABLE sequence (last INTEGER NOT NULL) STRICT;
INSERT INTO sequence VALUES (0);
