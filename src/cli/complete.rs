//! What the shells ask while a user types.

use clap_complete::CompleteEnv;

/// Answers and ends the process when the shell's hook called; does nothing otherwise.
pub(super) fn answer_shell() {
    CompleteEnv::with_factory(super::definition).complete();
}
