//! Tests of the real binary, each in a sandbox of its own: one file a subject. And tests of the repository itself.

mod completions;
mod config;
mod demo;
mod docs;
mod endpoints;
mod forward;
mod generated;
mod layering;
mod licences;
mod listen;
mod log;
mod providers;
mod receivers;
mod round_trip;
mod schedule;
mod secret;
mod sign;
mod support;
mod vectors;
mod verify;
