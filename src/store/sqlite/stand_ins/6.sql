CREATE TEMP TABLE queue (n INTEGER, owner TEXT, lane TEXT, class INTEGER, due INTEGER, state INTEGER, parked TEXT,
    again INTEGER);
CREATE TEMP TABLE queue_count (owner TEXT, state INTEGER, count INTEGER);
CREATE TEMP TABLE crash (n INTEGER, at INTEGER);
CREATE TEMP TABLE event (
    e INTEGER PRIMARY KEY, id TEXT, at INTEGER, name TEXT, mode TEXT, first INTEGER, deliveries INTEGER, data BLOB,
    tenant TEXT
);
CREATE TEMP TABLE tenant_of_delivery (n INTEGER, tenant TEXT);
CREATE TEMP TABLE api_key (id TEXT, name TEXT, digest BLOB, reads INTEGER, mode TEXT, tenant TEXT, created INTEGER);
CREATE TEMP TABLE endpoint_health (
    endpoint TEXT, failed INTEGER, failing_since INTEGER, succeeded_at INTEGER, enabled_at INTEGER, disabled TEXT,
    disabled_at INTEGER, detail TEXT, paused_at INTEGER
);
CREATE TEMP TABLE notice (i INTEGER PRIMARY KEY, at INTEGER, endpoint TEXT, kind TEXT, json TEXT);
