-- `signed_body`: what an attempt sent, where the signature stands in the body and not in a header.
CREATE TABLE signed_body (
    delivery INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (delivery, seq)
) STRICT, WITHOUT ROWID;
