//! What comes from the face, one after the other: lines for the screen, events for the post, questions for endpoints.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::rejected_peers::RejectedPeers;
use super::ask::Challenger;
use super::fanout::Fanout;
use super::show;
use crate::api::server::ApiEvent;
use crate::error::Result;
use crate::server::Drained;

/// Whoever is told.
pub(super) struct EventLoop {
    pub(super) post: Fanout,
    pub(super) asker: Challenger,
    pub(super) turned_away: RejectedPeers,
}

impl EventLoop {
    /// Works until the server has ended and everything was told.
    pub(super) async fn run(mut self, mut heard: mpsc::Receiver<ApiEvent>, serving: JoinHandle<Drained>) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                answered = self.asker.answered() => self.asker.settle(answered).await?,
                told = heard.recv() => match told {
                    Some(told) => self.take(told).await?,
                    None => break,
                },
            }
        }
        let _ = serving.await;
        self.turned_away.finish(&self.post.session.ui);
        Ok(())
    }

    async fn take(&mut self, told: ApiEvent) -> Result<()> {
        let session = Arc::clone(&self.post.session);
        match told {
            ApiEvent::Call(called) => {
                show::call(&session, &called)?;
                session.ui.flush()?;
            }
            ApiEvent::Event(occurrence) => self.post.take(occurrence).await,
            ApiEvent::Confirmation(question) => self.asker.ask(*question).await?,
            ApiEvent::Rejected(rejection) => self.turned_away.rejected(&session.ui, &rejection),
            ApiEvent::NotAccepted(error) => self.turned_away.not_accepted(&session.ui, &error),
        }
        Ok(())
    }
}
