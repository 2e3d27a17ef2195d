//! A record as a curl command.

use crate::exchange::Request;
use crate::mask::MASK;
use crate::view;

/// The command for a request without its credentials: in their place the shell's `$SECRET`.
pub fn command(request: &Request) -> String {
    // A word with a mask is in single quotes, as the shell would expand its stars.
    view::curl::command(request, false, &[]).replace(MASK, "'\"$SECRET\"'")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_credential_is_left_to_the_shell() {
        let request = Request {
            method: "POST".to_owned(),
            url: "http://127.0.0.1:1/x?token=abcdef".parse().unwrap(),
            headers: [("authorization", "Bearer abc")].into_iter().collect(),
            body: "{}".into(),
            timeout: Duration::ZERO,
        };
        let text = command(&request);
        assert!(!text.contains("abc"), "{text}");
        assert!(text.contains("'\"$SECRET\"'"), "{text}");
    }
}
