//! Which headers hold a secret itself.

use super::{Registry, TOKEN_HEADERS};
use crate::headers::Headers;
use crate::provider::Profile;

impl Registry {
    /// Notes where tokens are in the headers of a request: in the header of the provider that decides, and in those that
    /// any of the built-in providers uses for nothing else.
    pub fn conceal_tokens(profile: Option<&Profile>, headers: &mut Headers) {
        for header in TOKEN_HEADERS {
            headers.conceal(header, |value| Some(0..value.len()));
        }
        if let Some(profile) = profile {
            profile.scheme.conceal_token(headers);
        }
    }
}
