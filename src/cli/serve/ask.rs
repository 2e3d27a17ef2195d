//! ConfirmationRequests to endpoints that are not confirmed, in the background: whoever registers one does not wait for it.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::show;
use crate::api::server::ConfirmationRequest;
use crate::app::context::aside;
use crate::app::handshake::{self, Answered};
use crate::cli::session::Session;
use crate::endpoints::Confirmed;
use crate::error::Result;
use crate::provider::Profile;
use crate::transport::HttpTransport;

/// ConfirmationRequests at the same time; more wait.
const AT_ONCE: usize = 16;

/// Asks, and confirms those who answer.
pub(super) struct Challenger {
    session: Arc<Session>,
    profile: Arc<Profile>,
    transport: Arc<HttpTransport>,
    under_way: JoinSet<(ConfirmationRequest, Answered)>,
}

impl Challenger {
    pub(super) fn new(session: Arc<Session>, profile: Arc<Profile>, transport: Arc<HttpTransport>) -> Self {
        Self {
            session,
            profile,
            transport,
            under_way: JoinSet::new(),
        }
    }

    pub(super) async fn ask(&mut self, question: ConfirmationRequest) -> Result<()> {
        let (profile, asked) = (Arc::clone(&self.profile), question);
        // The endpoint's secrets are files.
        let made = aside(&self.session, move |session| {
            let shake = profile.handshakes.first();
            let made = shake.map(|shake| handshake::question(session, &profile, shake, &asked.endpoint, &asked.token));
            Ok((asked, made))
        });
        let (question, request) = match made.await? {
            (_, None) => return Ok(()),
            (question, Some(Ok(request))) => (question, request),
            (question, Some(Err(error))) => return self.settle((question, Answered::Not(error.to_string()))).await,
        };
        while self.under_way.len() >= AT_ONCE {
            let answered = self.answered().await;
            self.settle(answered).await?;
        }
        let transport = Arc::clone(&self.transport);
        self.under_way.spawn(async move {
            let answered = handshake::ask(transport.as_ref(), &request, &question.token).await;
            (question, answered)
        });
        Ok(())
    }

    /// The next answer; never ready while nobody is asked.
    pub(super) async fn answered(&mut self) -> (ConfirmationRequest, Answered) {
        loop {
            match self.under_way.join_next().await {
                Some(Ok(answered)) => return answered,
                // A question that broke down leaves its endpoint pending.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Confirms an endpoint that gave the token back, and says what came of the question.
    pub(super) async fn settle(&self, (question, answered): (ConfirmationRequest, Answered)) -> Result<()> {
        let (id, token) = (question.endpoint.id.clone(), question.token);
        let outcome = match answered {
            Answered::Not(why) => Err(why),
            Answered::Echoed => {
                let confirmed = aside(&self.session, move |session| handshake::confirm(session, &id, &token));
                match confirmed.await {
                    Ok((_, Confirmed::Now | Confirmed::Before)) => Ok(()),
                    // It was changed while the question was under way: that asks anew.
                    Ok((_, Confirmed::WrongToken)) => Err("its URL is another one by now".to_owned()),
                    Err(error) => Err(error.to_string()),
                }
            }
        };
        show::handshake(&self.session, &question.endpoint, outcome)
    }
}
