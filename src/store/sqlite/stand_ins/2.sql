CREATE TEMP TABLE execution (n INTEGER PRIMARY KEY, workflow TEXT, note TEXT, secret_header TEXT);
CREATE TEMP TABLE processing (
    n INTEGER, command TEXT, tries INTEGER, first_at INTEGER, last_at INTEGER, error TEXT, owner TEXT, mended INTEGER
);
CREATE INDEX temp.processing_failed ON processing (n) WHERE mended IS NULL;
