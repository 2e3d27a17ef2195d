//! What can be told of a received request without loading a profile.

use super::{BUILTIN, Builtin, Registry, TOKEN_HEADERS};
use crate::headers::Headers;
use crate::provider::Profile;
use crate::provider::handshake::ChallengeCandidate;

impl Registry {
    /// The built-in providers whose challenge that request may be, by its marks alone. Only one that is `unknown` so far,
    /// and so may not be an event, is searched further than its head.
    pub fn asking<'a>(
        asking: &'a ChallengeCandidate<'_>,
        unknown: bool,
    ) -> impl Iterator<Item = &'static str> + use<'a> {
        let fits = move |builtin: &&Builtin| builtin.handshakes.iter().any(|marks| marks.fit(asking, unknown));
        BUILTIN.iter().filter(fits).map(|builtin| builtin.name)
    }

    /// Marks the tokens in the headers of a request as secret: in the header of the provider that decides, and in those that
    /// any of the built-in providers uses for tokens only.
    pub fn conceal_tokens(profile: Option<&Profile>, headers: &mut Headers) {
        for header in TOKEN_HEADERS {
            headers.conceal(header, |value| Some(0..value.len()));
        }
        if let Some(profile) = profile {
            profile.scheme.conceal_token(headers);
        }
    }
}
