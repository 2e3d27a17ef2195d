-- `diagnosis`: why a refused capture was refused, by its number.
CREATE TABLE diagnosis (
    n     INTEGER PRIMARY KEY,
    cause TEXT NOT NULL,
    text  TEXT NOT NULL,
    hint  TEXT
) STRICT;
