//! Signature schemes of every provider: what is signed verifies, what is changed does not, and no kind of key, header or
//! secret passes for another.

mod confusion;
mod property;
mod round_trip;
mod target;
