//! The certificate of a server, from files that may be replaced while it serves.

use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::notice::Notices;
use crate::error::{Error, Result};
use crate::server::tls::{PemPair, Tls, TlsError};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// A certificate chain and its private key (PEM).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// What was found in the files, or why nothing could be read.
type Found = std::result::Result<PemPair, String>;

/// A certificate with its key, as they were in their files.
#[derive(Clone)]
pub struct LoadedCertificate {
    files: CertificateFiles,
    pair: PemPair,
    /// What a server takes.
    pub tls: Tls,
}

impl CertificateFiles {
    /// The certificate with its key.
    pub fn load(&self) -> Result<LoadedCertificate> {
        let load = || {
            let pair = PemPair::read(&self.certificate, &self.key)?;
            let tls = pair.tls()?;
            Ok((pair, tls))
        };
        let (pair, tls) = load().map_err(|error: TlsError| failed(&error))?;
        Ok(LoadedCertificate {
            files: self.clone(),
            pair,
            tls,
        })
    }

    async fn read(&self) -> Found {
        let files = self.clone();
        let read = move || PemPair::read(&files.certificate, &files.key).map_err(|error| words(&error));
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_else(|error| Err(error.to_string()))
    }
}

impl LoadedCertificate {
    /// Gives the server what the files hold when they were changed, until `stop`. A pair that cannot be used is reported, and
    /// the one before is kept.
    pub async fn watch(self, notices: Notices, stop: CancellationToken) {
        let mut known = Ok(self.pair);
        let mut before = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let found = self.files.read().await;
            if found == known {
                before = None;
                continue;
            }
            // Two files are not replaced at one moment: what they hold counts once it is the same at two looks.
            if before.as_ref() != Some(&found) {
                before = Some(found);
                continue;
            }
            apply(&self.files, &found, (&self.tls, &notices));
            (known, before) = (found, None);
        }
    }
}

fn apply(files: &CertificateFiles, found: &Found, (tls, notices): (&Tls, &Notices)) {
    let certificate = files.certificate.display();
    let loaded = match found {
        Ok(pair) => pair.tls().map_err(|error| words(&error)),
        Err(why) => Err(why.clone()),
    };
    match loaded {
        Ok(new) => {
            tls.replace(&new);
            notices.note(format!(
                "certificate `{certificate}` was read again: new connections use it"
            ));
        }
        Err(why) => notices.warn(format!(
            "certificate `{certificate}` has changed and cannot be used: {why}; connections use the one before"
        )),
    }
}

/// Why TLS cannot be set up, as an error of the command line.
pub fn failed(error: &TlsError) -> Error {
    Error::usage(error.to_string()).because_of(error)
}

/// The error with its causes in one line.
fn words(error: &TlsError) -> String {
    let error = failed(error);
    let parts = std::iter::once(&error.message).chain(&error.causes);
    parts.map(String::as_str).collect::<Vec<_>>().join(": ")
}
