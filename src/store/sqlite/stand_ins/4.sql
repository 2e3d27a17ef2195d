CREATE TEMP TABLE signed_body (delivery INTEGER, seq INTEGER, body BLOB);
