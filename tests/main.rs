//! Tests of the real binary, each in a sandbox of its own: one file a subject. And tests of the repository itself.

mod bad_input;
mod completions;
mod config;
mod crash;
mod demo;
mod docs;
mod endpoints;
mod exit_codes;
mod forward;
mod full_disk;
mod generated;
mod layering;
mod licences;
mod listen;
mod log;
mod providers;
mod receivers;
mod replay;
mod round_trip;
mod schedule;
mod secret;
mod send;
mod sign;
mod support;
mod vectors;
mod verify;
