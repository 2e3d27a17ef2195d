//! Tests of the real binary, each in a sandbox of its own: one file a subcommand.

mod config;
mod demo;
mod providers;
mod secret;
mod sign;
mod support;
mod vectors;
mod verify;
