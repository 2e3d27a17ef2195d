//! Tests of the real binary, each in a sandbox of its own: one file a subject.

mod bad_input;
mod config;
mod crash;
mod demo;
mod exit_codes;
mod forward;
mod full_disk;
mod listen;
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
