//! Permission of a request to cause forwards and commands.

use url::Url;

use crate::headers::Headers;
use crate::signature::Verdict;

/// Whether a browser sent the request for a page of another site. Any page can reach a local port: with `fetch` and forms,
/// which say `Origin`, and with images and links, which do not.
pub fn from_web_page(headers: &Headers) -> bool {
    let other_site = |value: &[u8]| !matches!(value, b"same-origin" | b"none");
    headers.contains("origin")
        || headers.all("sec-fetch-site").any(other_site)
        || headers.get_text("referer").is_some_and(|page| !is_on(page, headers))
}

/// Whether a page is of the host that the request is sent to.
fn is_on(page: &str, headers: &Headers) -> bool {
    let host = headers.get_text("host");
    let page = Url::parse(page).ok();
    let authority = page
        .as_ref()
        .map(|page| &page[url::Position::BeforeHost..url::Position::AfterPort]);
    authority.is_some() && authority == host
}

/// Whether a request may be passed on: one that proves nothing must at least not come from a web page.
pub fn may_pass_on(verdict: &Verdict, headers: &Headers) -> bool {
    verdict.is_accepted() || !verdict.is_refused() && !from_web_page(headers)
}

/// Whether a command may run for a request that may be passed on. `unverified`: anybody may cause that.
pub fn may_run(verdict: &Verdict, unverified: bool) -> bool {
    verdict.is_accepted() || unverified
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{Proof, RejectReason};

    #[test]
    fn a_request_for_a_page_of_another_site_is_told_from_a_plain_one() {
        for (lines, page) in [
            (&[][..], false),
            (&[("origin", "null")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "Something-New")], true),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")], true),
            (
                &[("host", "127.0.0.1:4400"), ("referer", "http://127.0.0.1:4400/x")],
                false,
            ),
            (
                &[("host", "127.0.0.1:4400"), ("referer", "https://evil.example/")],
                true,
            ),
            (&[("referer", "about:client")], true),
        ] {
            let headers: Headers = lines.iter().copied().collect();
            assert_eq!(from_web_page(&headers), page, "{lines:?}");
        }
    }

    #[test]
    fn only_a_signature_or_a_token_lets_a_page_act_and_a_command_run() {
        let page: Headers = [("sec-fetch-site", "cross-site")].into_iter().collect();
        let plain = Headers::new();
        for (verdict, from_page, without, with) in [
            (Verdict::Verified(Proof::default()), true, true, true),
            (Verdict::TokenOnly(Proof::default()), true, true, true),
            (Verdict::Unsigned, false, false, true),
            (Verdict::Unchecked, false, false, true),
        ] {
            assert_eq!(may_pass_on(&verdict, &page), from_page, "{verdict:?}");
            assert!(may_pass_on(&verdict, &plain), "{verdict:?}");
            assert_eq!(may_run(&verdict, false), without, "{verdict:?}");
            assert_eq!(may_run(&verdict, true), with, "{verdict:?}");
        }
        assert!(!may_pass_on(&Verdict::Refused(RejectReason::Unrecognised), &plain));
    }
}
