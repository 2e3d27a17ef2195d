//! What can be done with endpoints.

pub mod doctor;
pub mod probe;
