//! Endpoints that their provider asks first whether it is wanted there.

use super::{EndpointEvent, Endpoints};
use crate::app::handshake::{self, Answered};
use crate::endpoints::{Confirmed, Endpoint, EndpointError, select_mut};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::Profile;
use crate::provider::handshake::Handshake;
use crate::runtime::runtime;
use crate::secret::Secret;
use crate::transport::{HttpOptions, HttpTransport};

impl Endpoints<'_> {
    /// Confirms an endpoint by its token. Without one, a new token is sent to an endpoint of the book, which must answer
    /// with it.
    pub fn confirm(&self, selector: &str, token: Option<&str>) -> Result<()> {
        let endpoint = self.store.get(selector)?;
        let name = endpoint.name.clone();
        let is_local = self.store.remote().is_none();
        let (endpoint, outcome) = match token {
            _ if !endpoint.is_pending() => (endpoint, Confirmed::Before),
            Some(token) => self.store.confirm(&endpoint.id, token, self.context.now())?,
            None if is_local => self.ask(&endpoint)?,
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

    /// Asks an endpoint that was just added; it stays pending when it does not answer with the token.
    pub(super) fn ask_first(&self, endpoint: &Endpoint) -> Result<Endpoint> {
        match self.ask(endpoint) {
            Ok((endpoint, _)) => Ok(endpoint),
            Err(error) if error.exit == Exit::Refused => {
                let notices = &self.context.notices;
                notices.warn(format!("{error}: it is pending"));
                error.hints.into_iter().for_each(|hint| notices.hint(hint));
                Ok(self.store.get(&endpoint.id)?)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a new token, and confirms the endpoint when it came back.
    fn ask(&self, endpoint: &Endpoint) -> Result<(Endpoint, Confirmed)> {
        let (context, name) = (self.context, &endpoint.name);
        let profile = context.registry.get(&endpoint.provider)?;
        let handshake = handshake(&profile)?;
        let text = handshake.token.fresh(&context.random);
        let now = context.now();
        self.store.book().edit(|endpoints| {
            select_mut(endpoints, &endpoint.id)?.await_confirmation(&text, now);
            Ok::<_, EndpointError>(())
        })?;
        let token = Secret::new(text.as_str());
        let request = handshake::question(context, &profile, handshake, endpoint, &token)?;
        let transport = HttpTransport::new(HttpOptions {
            proxy_from_env: true,
            ..HttpOptions::default()
        });
        let transport = transport.map_err(|error| Error::usage(error.to_string()).because_of(&error))?;
        match runtime()?.block_on(handshake::ask(&transport, &request, &token)) {
            Answered::Echoed => Ok(self.store.confirm(&endpoint.id, &text, now)?),
            Answered::Not(why) => {
                let error = Error::new(Exit::Refused, format!("endpoint `{name}` does not confirm: {why}"));
                Err(error.hint(format!(
                    "`hook listen` answers such a question; or take the token from the receiver: \
                     `hook endpoints confirm {name} TOKEN`"
                )))
            }
        }
    }
}

/// How the provider asks.
pub(super) fn handshake(profile: &Profile) -> Result<&Handshake> {
    let what = || format!("`{}` asks no endpoint whether it is wanted there", profile.label());
    profile.handshakes.first().ok_or_else(|| Error::usage(what()))
}
