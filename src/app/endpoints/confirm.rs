//! Endpoints whose provider sends a challenge before the first event.

use super::{EndpointEvent, Endpoints};
use crate::app::context::http_transport;
use crate::app::handshake;
use crate::endpoints::{Confirmed, Endpoint, select_mut};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::Profile;
use crate::provider::handshake::Handshake;
use crate::runtime::runtime;
use crate::secret::Secret;

impl Endpoints<'_> {
    /// Confirms an endpoint by its token. Without one, a new token is sent to an endpoint of the local book, which must
    /// answer with it.
    pub fn confirm(&self, selector: &str, token: Option<&str>) -> Result<()> {
        let endpoint = self.store.get(selector)?;
        let name = endpoint.name.clone();
        let is_local = self.store.remote().is_none();
        let (endpoint, outcome) = match token {
            _ if !endpoint.is_pending() => (endpoint, Confirmed::Before),
            Some(token) => self.store.confirm(&endpoint.id, token, self.context.now())?,
            None if is_local => self.challenge(&endpoint)?,
            None => {
                let hint = format!("the provider sent it to the endpoint: `hook endpoints confirm {name} TOKEN`");
                return Err(Error::usage("the token is missing").hint(hint));
            }
        };
        if outcome == Confirmed::WrongToken {
            let what = format!("the token is not the one that endpoint `{name}` was sent last");
            let error = Error::new(Exit::Refused, what);
            let again = format!("`hook endpoints confirm {name}` sends a new one");
            return Err(if is_local { error.hint(again) } else { error });
        }
        (self.on)(EndpointEvent::Confirmed(self.details(&endpoint), outcome))
    }

    /// Challenges an endpoint that was just added. It stays pending when it does not answer with the token: the error comes
    /// with it, since it exists.
    pub(super) fn challenge_new(&self, endpoint: &Endpoint) -> Result<(Endpoint, Option<Error>)> {
        match self.challenge(endpoint) {
            Ok((endpoint, _)) => {
                let name = &endpoint.name;
                self.context
                    .notices
                    .note(format!("`{name}` has confirmed the subscription"));
                Ok((endpoint, None))
            }
            Err(error) if error.exit == Exit::Refused => {
                let message = format!("{}: it is pending", error.message);
                Ok((self.store.get(&endpoint.id)?, Some(Error { message, ..error })))
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a new token, and confirms the endpoint when it comes back.
    fn challenge(&self, endpoint: &Endpoint) -> Result<(Endpoint, Confirmed)> {
        let (context, name) = (self.context, &endpoint.name);
        let profile = context.registry.get(&endpoint.provider)?;
        let handshake = handshake(&profile)?;
        let text = handshake.token.fresh(&context.random);
        let now = context.now();
        self.store.book().edit(|endpoints| {
            select_mut(endpoints, &endpoint.id)?.await_confirmation(&text, now);
            Ok(())
        })?;
        let token = Secret::new(text.as_str());
        let request = handshake::question(context, &profile, handshake, endpoint, &token)?;
        let transport = http_transport(None)?;
        if let Err(why) = runtime()?.block_on(handshake::ask(&transport, &request, &token)) {
            let error = Error::new(Exit::Refused, format!("endpoint `{name}` does not confirm: {why}"));
            return Err(error.hint(format!(
                "`hook listen` answers the challenge; or take the token from the receiver: \
                 `hook endpoints confirm {name} TOKEN`"
            )));
        }
        Ok(self.store.confirm(&endpoint.id, &text, now)?)
    }
}

pub(super) fn handshake(profile: &Profile) -> Result<&Handshake> {
    let what = || format!("`{}` sends no challenge to endpoints", profile.label());
    profile.handshakes.first().ok_or_else(|| Error::usage(what()))
}
