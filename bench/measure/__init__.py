"""The measurements of bench/run, a file a group of rows."""
