-- `queue`: the unfinished deliveries that services work off. `lane` is the target: deliveries of one lane share its limits.
-- `class` is 0 before the first attempt, 1 before a later one, 2 after two crashes. `state` is 0 while it waits, 1 during an
-- attempt, 2 while it is parked, with the reason in `parked`. `delivery.owner` repeats `owner`.
--
-- `event`: what was handed to a service. Its deliveries have the numbers from `first` on; `data` is kept where there are none.
CREATE TABLE queue (
    n      INTEGER PRIMARY KEY,
    owner  TEXT    NOT NULL,
    lane   TEXT    NOT NULL,
    class  INTEGER NOT NULL,
    due    INTEGER NOT NULL,
    state  INTEGER NOT NULL,
    parked TEXT
) STRICT;
CREATE INDEX queue_due ON queue (owner, lane, class, due, n) WHERE state = 0;
CREATE INDEX queue_parked ON queue (parked, lane, n) WHERE state = 2;

-- How many rows of `queue` each owner has waiting and parked, so that no reader has to count them. Those of an attempt are not
-- counted: most deliveries are never in another state, and their process knows how many it has. What is added is counted by
-- the statement that adds it: a trigger for that took a twentieth of the time of a busy service.
CREATE TABLE queue_count (
    owner TEXT    NOT NULL,
    state INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (owner, state)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER queue_removed AFTER DELETE ON queue WHEN old.state <> 1 BEGIN
    UPDATE queue_count SET count = count - 1 WHERE owner = old.owner AND state = old.state;
END;
CREATE TRIGGER queue_left AFTER UPDATE OF owner, state ON queue
WHEN old.state <> 1 AND (old.owner <> new.owner OR old.state <> new.state) BEGIN
    UPDATE queue_count SET count = count - 1 WHERE owner = old.owner AND state = old.state;
END;
CREATE TRIGGER queue_entered AFTER UPDATE OF owner, state ON queue
WHEN new.state <> 1 AND (old.owner <> new.owner OR old.state <> new.state) BEGIN
    INSERT INTO queue_count (owner, state, count) VALUES (new.owner, new.state, 1)
        ON CONFLICT (owner, state) DO UPDATE SET count = count + 1;
END;

-- Deliveries that had failed before they were retried by hand: their failure was counted.
CREATE TABLE again (
    n INTEGER PRIMARY KEY
) STRICT;

-- By how many microseconds the machine's clock is ahead of the one by which an owner's deliveries are due: it was set while the
-- owner worked.
CREATE TABLE queue_clock (
    owner TEXT    NOT NULL PRIMARY KEY,
    ahead INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Moments at which a process died during an attempt of delivery `n`: nobody knows what came of it.
CREATE TABLE crash (
    n  INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (n, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    e          INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    mode       TEXT    NOT NULL,
    first      INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    data       BLOB,
    tenant     TEXT
) STRICT;
CREATE INDEX event_id ON event (id);
CREATE INDEX event_tenant ON event (tenant, e) WHERE tenant IS NOT NULL;

-- Whose a delivery is: the tenant of its event, or of the endpoint that it tests.
ALTER TABLE delivery ADD COLUMN tenant TEXT;
CREATE INDEX delivery_tenant ON delivery (tenant, n) WHERE tenant IS NOT NULL;
CREATE VIEW tenant_of_delivery AS SELECT n, tenant FROM delivery;

-- Keys of the API: the digest of each, never the key. `tenant` confines a key to what is that tenant's.
CREATE TABLE api_key (
    id      TEXT    NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL UNIQUE,
    digest  BLOB    NOT NULL,
    reads   INTEGER NOT NULL,
    mode    TEXT    NOT NULL,
    tenant  TEXT,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Answers to calls with an `Idempotency-Key`, by the digest of the key; `body` is the digest of the call's body.
CREATE TABLE idempotency (
    key    BLOB    NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL,
    body   BLOB    NOT NULL,
    answer TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);

-- What deliveries say about an endpoint, by its id, and whether it is paused; the empty id stands for all of them. The
-- endpoint file holds what people wrote.
CREATE TABLE endpoint_health (
    endpoint      TEXT    NOT NULL PRIMARY KEY,
    failed        INTEGER NOT NULL DEFAULT 0,
    failing_since INTEGER,
    succeeded_at  INTEGER,
    enabled_at    INTEGER,
    disabled      TEXT,
    disabled_at   INTEGER,
    detail        TEXT,
    paused_at     INTEGER,
    warned_at     INTEGER
) STRICT, WITHOUT ROWID;

-- What the owner of an endpoint was told, or would have been.
CREATE TABLE notice (
    i        INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    endpoint TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    json     TEXT    NOT NULL
) STRICT;

-- What a channel (`mail`, `webhook`, `exec`) has still to get, and when it is tried.
CREATE TABLE notice_task (
    channel TEXT    NOT NULL,
    i       INTEGER NOT NULL,
    tries   INTEGER NOT NULL DEFAULT 0,
    due     INTEGER NOT NULL,
    PRIMARY KEY (channel, i)
) STRICT, WITHOUT ROWID;

-- When the last mail about an endpoint was due for a reason.
CREATE TABLE notice_mail (
    endpoint TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (endpoint, reason)
) STRICT, WITHOUT ROWID;

-- By owner, so that what a process left is found without reading what another one works on.
CREATE INDEX delivery_owned ON delivery (owner, n) WHERE state = 'pending' AND owner IS NOT NULL;
