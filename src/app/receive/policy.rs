//! How the work of a lane is done: recorded with the lane, so that a process that resumes it follows the same rules.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::listener::Inbound;
use crate::provider::policy::Policy;

/// How the work of a lane is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkPolicy {
    /// How a forward is delivered.
    pub delivery: Option<Policy>,
    /// Time limit of a command.
    pub exec_timeout: Option<Duration>,
    /// How many are done at once; 0 counts as one.
    pub concurrency: usize,
    /// Whether a forward keeps the request's `Host`.
    pub keep_host: bool,
    /// Whether a forward checks no certificate.
    pub insecure: bool,
    /// The file of certificates that a forward trusts beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether requests came over TLS.
    pub tls: bool,
    /// The URL that senders use, where a tunnel or proxy is in front.
    pub public_url: Option<String>,
    /// The inbound trigger that requests came to: a command gets the record that it makes of them.
    pub inbound: Option<Inbound>,
}

impl WorkPolicy {
    /// Reads what [`WorkPolicy::to_text`] wrote. Fields of a newer version are ignored.
    pub fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// As it is recorded.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The delivery policy of a forward.
    pub fn delivery(&self) -> Policy {
        self.delivery.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::policy::Schedule;

    #[test]
    fn a_policy_is_read_as_it_was_written_and_gaps_have_defaults() {
        let policy = WorkPolicy {
            delivery: Some(Policy {
                timeout: Duration::from_millis(1500),
                schedule: Schedule {
                    delays: vec![Duration::from_secs(1), Duration::from_secs(60)],
                    ..Schedule::default()
                },
                ..Policy::default()
            }),
            exec_timeout: Some(Duration::from_secs(3)),
            concurrency: 3,
            ..WorkPolicy::default()
        };
        assert_eq!(WorkPolicy::from_text(&policy.to_text()), policy);
        assert_eq!(WorkPolicy::from_text("{}"), WorkPolicy::default());
        assert_eq!(WorkPolicy::from_text("not JSON"), WorkPolicy::default());
        assert_eq!(Some(policy.delivery()), policy.delivery);
    }
}
