//! The tables, as a list of migrations that is only ever appended to.

/// Marks the file as a ledger: `hook` in ASCII.
pub(super) const APPLICATION: i64 = 0x686f_6f6b;

/// Page size in bytes, chosen when the file is made. Larger than the default because records are: fewer pages, and
/// fewer bodies that overflow.
pub(super) const PAGE_SIZE: u32 = 8192;

/// The format that this program writes.
pub(super) const FORMAT: u32 = 5;

/// Migration `i` makes format `i + 1` of format `i`; format 0 is an empty file.
pub(super) const MIGRATIONS: [&str; FORMAT as usize] = [FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4, FORMAT_5];

/// What stands in for tables that a file of an older format does not have, for whoever may only read: nothing is in them.
pub(super) const STAND_INS: [(i64, &str); 4] = [
    (
        2,
        "CREATE TEMP TABLE execution (n INTEGER PRIMARY KEY, workflow TEXT, note TEXT, secret_header TEXT);
         CREATE TEMP TABLE processing (n INTEGER, command TEXT, tries INTEGER, first_at INTEGER, last_at INTEGER,
             error TEXT, owner TEXT, mended INTEGER);
         CREATE INDEX temp.processing_failed ON processing (n) WHERE mended IS NULL",
    ),
    (
        3,
        "CREATE TEMP TABLE diagnosis (n INTEGER PRIMARY KEY, cause TEXT, text TEXT, hint TEXT)",
    ),
    (
        4,
        "CREATE TEMP TABLE signed_body (delivery INTEGER, seq INTEGER, body BLOB)",
    ),
    (
        5,
        "CREATE TEMP TABLE policy (p INTEGER PRIMARY KEY, text TEXT);
         CREATE TEMP VIEW whole_delivery AS SELECT *, NULL AS secret, NULL AS policy, NULL AS addresses FROM delivery;
         CREATE TEMP VIEW whole_capture AS SELECT *,
             CASE WHEN verdict = 'verified' AND detail LIKE '%dev secret%' THEN '\"dev\"' END AS proof FROM capture;
         CREATE TEMP TABLE work_lane (lane BLOB, kind TEXT, target TEXT, folder TEXT, trust TEXT, policy TEXT, owner TEXT);
         CREATE TEMP TABLE work (lane BLOB, seq INTEGER, n INTEGER, at INTEGER, delivery INTEGER);
         CREATE TEMP TABLE sealed (n INTEGER, place TEXT, part INTEGER, start INTEGER, form TEXT, reference TEXT,
             fingerprint TEXT)",
    ),
];

/// Captures and deliveries share one sequence of numbers, `n`. What a list shows stands apart from the bytes, so that a
/// million rows are looked through without reading a body. Times are microseconds since the epoch, durations
/// nanoseconds, `weight` is about what a capture takes in bytes. The indexes on ids are not unique on purpose: an id that comes twice (a seeded run, repeated) must not
/// make the group fail that it is in.
const FORMAT_1: &str = "
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
";

/// `execution`: deliveries that are executions of a workflow. `processing`: commands that failed for a capture, by its
/// number; `mended` is when a later run succeeded. Nothing is entered for one that succeeds at once, so that the table is
/// small.
const FORMAT_2: &str = "
CREATE TABLE execution (
    n             INTEGER PRIMARY KEY,
    workflow      TEXT NOT NULL,
    note          TEXT,
    secret_header TEXT
) STRICT;
CREATE INDEX execution_workflow ON execution (workflow, n);
CREATE TABLE processing (
    n        INTEGER NOT NULL,
    command  TEXT    NOT NULL,
    tries    INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    error    TEXT    NOT NULL,
    owner    TEXT,
    mended   INTEGER,
    PRIMARY KEY (n, command)
) STRICT, WITHOUT ROWID;
CREATE INDEX processing_failed ON processing (n) WHERE mended IS NULL;
";

/// `diagnosis`: why a refused capture was refused, by its number.
const FORMAT_3: &str = "
CREATE TABLE diagnosis (
    n     INTEGER PRIMARY KEY,
    cause TEXT NOT NULL,
    text  TEXT NOT NULL,
    hint  TEXT
) STRICT;
";

/// `signed_body`: what an attempt sent, where the signature stands in the body and not in a header.
const FORMAT_4: &str = "
CREATE TABLE signed_body (
    delivery INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (delivery, seq)
) STRICT, WITHOUT ROWID;
";

/// `policy`: the rules of deliveries as JSON, once for all that have the same. `delivery.secret` and `capture.secret` say
/// which kind of secret signed, never the secret; a capture of an older format says it in a text for people. Columns cannot
/// stand in for readers of an older file, so whole records are read through views.
///
/// `work`: what was promised for capture `n` and is not done, in the lanes of `work_lane`. `delivery` is the number of a
/// forward's delivery once its first attempt is on record. Both tables are empty as long as nothing waits.
const FORMAT_5: &str = "
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
    CASE WHEN verdict = 'verified' AND detail LIKE '%dev secret%' THEN '\"dev\"' END
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
";
