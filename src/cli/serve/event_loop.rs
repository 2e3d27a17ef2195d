//! What comes from the face, one after the other: lines for the screen, events for the post, questions for endpoints.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::turned_away::TurnedAway;
use super::ask::Asker;
use super::post::Post;
use super::show;
use crate::api::face::Told;
use crate::error::Result;
use crate::server::Drained;

/// Whoever is told.
pub(super) struct Desk {
    pub(super) post: Post,
    pub(super) asker: Asker,
    pub(super) turned_away: TurnedAway,
}

impl Desk {
    /// Works until the server has ended and everything was told.
    pub(super) async fn run(mut self, mut heard: mpsc::Receiver<Told>, serving: JoinHandle<Drained>) -> Result<()> {
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

    async fn take(&mut self, told: Told) -> Result<()> {
        let session = Arc::clone(&self.post.session);
        match told {
            Told::Call(called) => {
                show::call(&session, &called)?;
                session.ui.flush()?;
            }
            Told::Event(occurrence) => self.post.take(occurrence).await,
            Told::Question(question) => self.asker.ask(*question).await?,
            Told::Rejected(rejection) => self.turned_away.rejected(&session.ui, &rejection),
            Told::NotAccepted(error) => self.turned_away.not_accepted(&session.ui, &error),
        }
        Ok(())
    }
}
