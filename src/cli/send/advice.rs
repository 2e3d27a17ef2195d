//! What helps after a failure.

use url::Url;

use crate::cli::session::Session;
use crate::pipeline::Tally;
use crate::provider::Profile;
use crate::transport::other_loopback_answers;

/// Says what the causes of failures in `tally` suggest; `url` is the target, where there is one.
pub(super) async fn give(session: &Session, profile: &Profile, tally: &Tally, url: Option<&Url>) {
    let ui = &session.ui;
    if tally.causes.contains_key("401") {
        ui.hint("401 is how a receiver refuses a signature: do both sides have the same secret?");
    }
    if let Some(code) = tally.causes.keys().find(|cause| cause.starts_with('2')) {
        ui.hint(&format!(
            "{code} is a failure here: {} takes only {} for success",
            profile.title, profile.policy.success
        ));
    }
    if tally.causes.contains_key("connect")
        && let Some(url) = url
        && let Some(other) = other_loopback_answers(url).await
    {
        ui.hint(&format!(
            "something answers on the other loopback address: `--to http://{other}{}`",
            url.path()
        ));
    }
}
