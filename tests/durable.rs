//! The durable service: what it acknowledges is delivered, whatever happens to it and whatever its receivers do. Each proof has
//! a short form; `just soak` runs the long ones.

#[cfg(target_os = "linux")]
mod clock;
mod faults;
mod hostile;
mod kills;
#[cfg(target_os = "linux")]
mod lookups;
mod memory;
mod receiver;
mod rehearsal;
