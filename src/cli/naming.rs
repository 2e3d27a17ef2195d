//! The warning for names of the user's own that break a provider's convention.

use crate::cli::session::Session;
use crate::provider::Profile;

/// Warns of an event that the catalogue does not have.
pub(super) fn lint_custom(session: &Session, profile: &Profile, event: &str) {
    if profile.canonical_event(event).is_none() {
        lint(session, profile, event);
    }
}

/// Warns of an event, whoever named it.
pub(super) fn lint(session: &Session, profile: &Profile, event: &str) {
    session.notices.findings(&profile.naming.check(&profile.label(), event));
}
