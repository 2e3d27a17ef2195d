//! Which parts of headers are tokens, so that the ledger leaves them out.

use crate::engine::{Delivery, Signing};
use crate::exchange::Attempt;
use crate::headers::Headers;

/// An attempt in whose headers the tokens are known as such.
pub(super) fn concealed(attempt: &Attempt, delivery: &Delivery) -> Attempt {
    Attempt {
        request_headers: concealed_headers(&attempt.request_headers, delivery),
        ..attempt.clone()
    }
}

/// The same for headers alone.
pub(super) fn concealed_headers(headers: &Headers, delivery: &Delivery) -> Headers {
    let mut headers = headers.clone();
    headers.conceal_like(&delivery.headers);
    if let Signing::Fresh { profile, .. } = &delivery.signing {
        profile.scheme.conceal_token(&mut headers);
    }
    headers
}
