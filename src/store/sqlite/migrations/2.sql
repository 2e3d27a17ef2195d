-- `execution`: deliveries that are executions of a workflow. `processing`: commands that failed for a capture, by its
-- number; `mended` is when a later run succeeded. Nothing is entered for one that succeeds at once, so that the table
-- is small.
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
