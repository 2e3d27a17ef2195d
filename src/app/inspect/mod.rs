//! Looking at what was recorded.

pub mod select;
