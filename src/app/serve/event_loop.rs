//! The events of the API, one after the other: calls to the observer, events to the fan-out, challenges to endpoints.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::ServeEvent;
use super::confirm::{AnsweredRequest, Confirmations};
use super::fanout::Fanout;
use crate::api::server::{ApiEvent, ConfirmationRequest};
use crate::app::rejected_peers::RejectedPeers;
use crate::error::Result;

/// Dispatches the events of the API.
pub(super) struct EventLoop<F> {
    pub(super) fanout: Fanout,
    pub(super) confirmations: Confirmations,
    pub(super) rejected_peers: RejectedPeers,
    pub(super) observer: F,
}

impl<F: Fn(ServeEvent<'_>) -> Result<()>> EventLoop<F> {
    /// Works until the server has ended and every event is taken.
    pub(super) async fn run(mut self, mut events: mpsc::Receiver<ApiEvent>, serving: JoinHandle<usize>) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                answered = self.confirmations.answered() => self.confirmed(answered).await?,
                event = events.recv() => match event {
                    Some(event) => self.take(event).await?,
                    None => break,
                },
            }
        }
        let _ = serving.await;
        self.rejected_peers.finish(&self.fanout.context.notices);
        Ok(())
    }

    async fn take(&mut self, event: ApiEvent) -> Result<()> {
        let notices = &self.fanout.context.notices;
        match event {
            ApiEvent::Call(call) => (self.observer)(ServeEvent::Call(&call))?,
            ApiEvent::Event(event) => self.fanout.take(event).await,
            ApiEvent::Confirmation(request) => self.ask(*request).await?,
            ApiEvent::Rejected(rejection) => self.rejected_peers.rejected(notices, &rejection),
            ApiEvent::NotAccepted(error) => self.rejected_peers.not_accepted(notices, &error),
        }
        Ok(())
    }

    async fn ask(&mut self, request: ConfirmationRequest) -> Result<()> {
        if self.confirmations.is_full() {
            let answered = self.confirmations.answered().await;
            self.confirmed(answered).await?;
        }
        match self.confirmations.ask(request).await? {
            Some(answered) => self.confirmed(answered).await,
            None => Ok(()),
        }
    }

    async fn confirmed(&self, answered: AnsweredRequest) -> Result<()> {
        let name = answered.0.endpoint.name.clone();
        let result = self.confirmations.finish(answered).await;
        (self.observer)(ServeEvent::Confirmation(&result))?;
        if !result.confirmed {
            self.fanout.context.notices.hint(format!(
                "`hook endpoints confirm {name}` sends another challenge, `hook endpoints confirm {name} TOKEN` confirms by hand"
            ));
        }
        Ok(())
    }
}
