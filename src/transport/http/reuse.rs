//! Whether a request went out on a connection that reqwest had used before. reqwest does not tell, but its connector is
//! asked within the request's own future when a connection has to be made, and an error names the connection.

use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;

use hyper::http::Extensions;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpInfo};

use super::attempt::is_end;
use super::failure::{chain, find};

/// Both ends of a connection: unique among open connections.
type ConnectionEnds = (SocketAddr, SocketAddr);

tokio::task_local! {
    /// The connection that was made for the request of this task.
    static MADE: Cell<Option<ConnectionEnds>>;
}

/// Passes on a connection that a client has made, for [`watched`]. One that is finished in the background, because another
/// one became idle first, belongs to no request.
pub(super) fn note<C: Connection>(made: C) -> C {
    let _ = MADE.try_with(|own| own.set(ends(&made.connected())));
    made
}

/// Runs a request of a client whose connections are noted. An error comes with whether the request went out on a
/// connection that had been used before, and that ended before the head of the answer. reqwest does not tell whether a
/// part of the head came.
pub(super) async fn watched<T>(request: impl Future<Output = reqwest::Result<T>>) -> Result<T, (reqwest::Error, bool)> {
    let request = async {
        request.await.map_err(|error| {
            let had_ended = had_ended(&error);
            (error, had_ended)
        })
    };
    MADE.scope(Cell::new(None), request).await
}

fn had_ended(error: &reqwest::Error) -> bool {
    let chain = chain(error);
    // Without a connection nothing was sent.
    let used = find::<legacy::Error>(&chain).and_then(legacy::Error::connect_info);
    used.is_some_and(|used| {
        let made = MADE.with(Cell::get);
        let is_first_use = made.is_some() && made == ends(used);
        !is_first_use && find::<hyper::Error>(&chain).is_some_and(is_end)
    })
}

fn ends(connected: &Connected) -> Option<ConnectionEnds> {
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    let info = extras.get::<HttpInfo>()?;
    Some((info.local_addr(), info.remote_addr()))
}
