//! Tests of the real binary, each in a sandbox of its own: one file a subject.

mod round_trip;
mod support;
