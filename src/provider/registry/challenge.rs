//! Which of the built-in providers may be asking whether they are wanted.

use super::{BUILTIN, Builtin, Registry};
use crate::provider::handshake::Asking;

impl Registry {
    /// The built-in providers that may be asking with that request, by its marks alone. Only one that is `unknown`
    /// so far, and so may be no event, is searched further than its head.
    pub fn asking<'a>(asking: &'a Asking<'_>, unknown: bool) -> impl Iterator<Item = &'static str> + use<'a> {
        let fits = move |builtin: &&Builtin| builtin.handshakes.iter().any(|marks| marks.fit(asking, unknown));
        BUILTIN.iter().filter(fits).map(|builtin| builtin.name)
    }
}
