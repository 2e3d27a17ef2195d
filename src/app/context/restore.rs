//! Secrets of records, which are not in the ledger: those that this process can resolve.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Context, Purpose};
use crate::config::workflow::Auth;
use crate::digest::fingerprint;
use crate::error::Result;
use crate::known;
use crate::provider::name_of;
use crate::secret::{Secret, SecretRef, SecretSource};
use crate::store::{LedgerReader, Record, Sealed, SecretKind};

/// A longer file does not hold a secret.
const LONGEST_FILE: u64 = 64 * 1024;

impl Context {
    /// Puts back the secrets of a record that can be resolved: by the reference that it names, of the settings, the dev secret,
    /// of endpoints and of its workflow. Each must have the fingerprint that the record says.
    pub fn restore(&self, record: &mut Record) {
        if record.sealed().is_empty() {
            return;
        }
        self.learn_record(record);
        record.unseal();
    }

    /// Learns the secrets that a record may show, in its body too, so that they are masked: those of [`Context::restore`],
    /// those that proved or signed it, and the path of its trigger.
    pub fn learn_secrets_of(&self, record: &Record) {
        self.learn_record(record);
        let (kind, trigger) = match record {
            Record::Capture(capture) => (&capture.request.verdict.secret, capture.request.workflow.as_deref()),
            Record::Delivery(delivery) => (&delivery.delivery.secret, None),
        };
        if let Some(SecretKind::Given(references)) = kind {
            for reference in references.iter().filter(|reference| !reference.is_empty()) {
                if let Some(secret) = follow(reference) {
                    known::remember(&secret, Some(reference));
                }
            }
        }
        if let Some(path) = trigger.and_then(|name| self.trigger_path(name)) {
            known::remember(&Secret::new(path), None);
        }
    }

    /// The random part of the path of a workflow's trigger.
    fn trigger_path(&self, workflow: &str) -> Option<String> {
        let file = format!("{workflow}.json");
        if file.contains('/') {
            return None;
        }
        let kept = std::fs::read(self.paths.state.join("inbound").join(file)).ok()?;
        let kept: serde_json::Value = serde_json::from_slice(&kept).ok()?;
        let path = kept.get("path")?.as_str()?;
        path.rsplit('/').next().map(str::to_owned)
    }

    fn learn_record(&self, record: &Record) {
        let (provider, workflow) = match record {
            Record::Capture(capture) => (&capture.request.provider, None),
            Record::Delivery(delivery) => (&delivery.delivery.provider, delivery.delivery.execution.as_ref()),
        };
        self.learn_all(provider.as_deref(), record.sealed());
        if let Some(execution) = workflow {
            let _ = self.learn_workflow(&execution.workflow);
        }
    }

    /// Looks for the secrets of queued requests, so that they are sent with them.
    pub async fn restore_work(&self, reader: &LedgerReader) -> Result<()> {
        for (provider, sealed) in reader.ask(|store| store.sealed_work()).await? {
            self.learn_all(provider.as_deref(), &[sealed]);
        }
        Ok(())
    }

    fn learn_all(&self, provider: Option<&str>, sealed: &[Sealed]) {
        let is_missing = |one: &&Sealed| known::by_fingerprint(&one.fingerprint).is_none();
        sealed.iter().filter(is_missing).for_each(|one| self.learn(one));
        let profiles = provider.and_then(|label| self.registry.ranked(name_of(label)).ok());
        for profile in profiles.unwrap_or_default() {
            // Looking them up makes them known.
            self.known_secrets(&profile);
        }
    }

    /// Follows the reference of a record.
    fn learn(&self, sealed: &Sealed) {
        let Some(reference) = &sealed.reference else { return };
        if let Some(name) = reference.strip_prefix("endpoint:") {
            let _ = self.secrets_of_endpoint(name, Purpose::Sign);
            return;
        }
        // Without the right fingerprint, a ledger from elsewhere could make hook read any variable or file.
        if let Some(secret) = follow(reference)
            && fingerprint(&secret) == sealed.fingerprint
        {
            known::remember(&secret, Some(reference));
        }
    }

    fn learn_workflow(&self, name: &str) -> Option<()> {
        let workflow = self.settings.workflows.get(name)?;
        match workflow.auth.read().ok()? {
            Auth::None => {}
            Auth::Bearer(reference) | Auth::ApiKey { key: reference, .. } => drop(self.secret(reference).ok()?),
            Auth::Basic { user, password } => drop(self.basic(user, password).ok()?),
        }
        Some(())
    }

    /// User and password as `Authorization: Basic` has them, which is as good as the password.
    pub fn basic(&self, user: &str, reference: &str) -> Result<String> {
        let pair = [user.as_bytes(), b":", self.secret(reference)?.expose()].concat();
        let pair = STANDARD.encode(pair);
        known::remember(&Secret::new(pair.as_bytes()), None);
        Ok(pair)
    }
}

/// The secret that a reference of a record leads to. Nothing but variables and small files are followed.
fn follow(reference: &str) -> Option<Secret> {
    let parsed = SecretRef::parse(reference);
    let follows = match &parsed.source {
        SecretSource::Env(_) => true,
        SecretSource::File(path) => {
            let file = path.metadata();
            file.is_ok_and(|file| file.is_file() && file.len() <= LONGEST_FILE)
        }
        SecretSource::Stdin | SecretSource::Literal(_) => false,
    };
    follows.then(|| parsed.resolve().ok()).flatten()
}
