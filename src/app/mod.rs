//! Use cases: what hook can do, for every front end. Nothing here knows the command line, prints or prompts; a use case
//! takes plain options and returns values, or emits events that a front end shows.

#[cfg(feature = "inspector")]
pub mod actions;
pub mod backup;
pub mod certificate;
pub mod check;
pub mod context;
pub mod endpoint_gate;
pub mod endpoint_health;
pub mod endpoints;
pub mod expect;
pub mod forged;
pub mod handshake;
pub mod inspect;
pub mod new_secret;
pub mod notice;
pub mod outgoing;
pub mod pauses;
pub mod providers;
pub mod receive;
pub mod rejected_peers;
pub mod replay;
pub mod resolve;
pub mod retention;
pub mod retry;
pub mod serve;
pub mod service_keys;
pub mod sign;
pub mod socket;
pub mod trust;
pub mod verify;
pub mod workflow;
