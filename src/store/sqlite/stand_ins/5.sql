-- Columns cannot be added to a table that may only be read: views give them.
CREATE TEMP TABLE policy (p INTEGER PRIMARY KEY, text TEXT);
CREATE TEMP VIEW whole_delivery AS SELECT *, NULL AS secret, NULL AS policy, NULL AS addresses FROM delivery;
CREATE TEMP VIEW whole_capture AS SELECT *,
    CASE WHEN verdict = 'verified' AND detail LIKE '%dev secret%' THEN '"dev"' END AS proof FROM capture;
CREATE TEMP TABLE work_lane (lane BLOB, kind TEXT, target TEXT, folder TEXT, trust TEXT, policy TEXT, owner TEXT);
CREATE TEMP TABLE work (lane BLOB, seq INTEGER, n INTEGER, at INTEGER, delivery INTEGER);
CREATE TEMP TABLE sealed (
    n INTEGER, place TEXT, part INTEGER, start INTEGER, form TEXT, reference TEXT, fingerprint TEXT
);
