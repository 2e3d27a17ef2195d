//! Tests of the real binary, each in a sandbox of its own: one file a subcommand. And tests of the repository itself.

mod completions;
mod config;
mod demo;
mod docs;
mod generated;
mod layering;
mod licences;
mod providers;
mod secret;
mod sign;
mod support;
mod vectors;
mod verify;
