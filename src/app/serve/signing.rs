//! How deliveries to an endpoint are signed, and what is done while its secret cannot be decrypted.

use std::sync::Arc;

use crate::app::context::Context;
use crate::app::sign::check_signature;
use crate::endpoints::Endpoint;
use crate::engine::{Delivery, Label, Signing};
use crate::error::{Error, Result};
use crate::exchange::SecretKind;
use crate::exit::Exit;
use crate::message::Message;
use crate::provider::Profile;
use crate::signature::Scheme;
use crate::target::parse_url;
use crate::verification::dev_secret::Purpose;

/// Why nothing can be signed for an endpoint.
#[derive(Debug, Clone)]
pub(super) struct Unsignable {
    pub(super) reason: String,
    /// Whether its secret is there, and cannot be decrypted: its deliveries are parked until it can.
    pub(super) is_locked: bool,
}

impl From<Error> for Unsignable {
    fn from(error: Error) -> Self {
        Self {
            reason: error.to_string(),
            is_locked: error.exit == Exit::Store,
        }
    }
}

/// How a delivery to an endpoint is signed with the secrets that it has now.
pub(super) fn signing(context: &Context, endpoint: &Endpoint, profile: &Arc<Profile>) -> Result<Signing> {
    let own = context.endpoint_secrets(endpoint, profile, Purpose::Sign)?;
    let signing = context.signing(profile, &[], (Some(&endpoint.name), own))?;
    if profile.scheme.header().is_some() && !profile.scheme.looks_into_body() {
        let (url, now) = (parse_url(&endpoint.url)?, context.now());
        let (message, policy) = (Message::default(), Arc::default());
        let trial = Delivery::new(
            &context.random,
            now,
            message,
            url,
            signing.clone(),
            policy,
            Label::default(),
        );
        check_signature(context, &trial)?;
    }
    Ok(signing)
}

/// What is recorded of the signature while the secret cannot be decrypted.
pub(super) fn unsigned(endpoint: &Endpoint, profile: &Arc<Profile>) -> Signing {
    let secret = if endpoint.secrets.is_empty() {
        SecretKind::Dev
    } else {
        SecretKind::Endpoint(endpoint.name.clone())
    };
    Signing::Fresh {
        profile: Arc::clone(profile),
        signer: None,
        secret: Arc::new(secret),
    }
}

/// Whether a delivery must not be sent, since nothing could sign it when it was made.
pub(super) fn lacks_signature(delivery: &Delivery) -> bool {
    matches!(&delivery.signing, Signing::Fresh { profile, signer: None, .. } if !matches!(profile.scheme, Scheme::Unsigned))
}
