//! The inspector: what its browser page and its terminal view share. Words, columns, tabs and keys are tables here; a record
//! becomes rows and tabs here; and [`model`] decides what a key does, without a screen.

pub mod body;
pub mod curl;
pub mod detail;
pub mod model;
pub mod row;
pub mod tables;
pub mod why;
