//! Use cases: what hook can do, whoever asks for it. Nothing here knows the command line, prints or prompts; a use case
//! takes plain options and returns values, or emits events that a front end shows.

pub mod notice;
pub mod replay;
pub mod retry;
