//! A cheap test whether a request may be a challenge of a provider: it avoids loading every profile for every request.

use super::challenge::{ChallengeCandidate, LONGEST};

/// The marks of a built-in provider's challenge, as the build script writes them.
#[derive(Debug)]
pub(crate) struct ChallengeMarks {
    /// `POST` and the like.
    pub(crate) method: &'static str,
    /// Names of parameters of the query.
    pub(crate) query: &'static [&'static str],
    /// Names of headers.
    pub(crate) headers: &'static [&'static str],
    /// Texts of the body: keys and values of its JSON, in quotes.
    pub(crate) texts: &'static [&'static str],
}

impl ChallengeMarks {
    /// Whether the request has all of them. The body is searched only when the request is `unknown` so far.
    pub(crate) fn fit(&self, asking: &ChallengeCandidate<'_>, unknown: bool) -> bool {
        // The bodies of events are large and frequent: only a request that no provider recognised is searched.
        let by_head = !self.query.is_empty() || !self.headers.is_empty();
        self.method == asking.method
            && (by_head || unknown && (!self.is_bare() || is_bare(asking)))
            && self.query.iter().all(|name| asking.target.contains(name))
            && self.headers.iter().all(|name| asking.headers.contains(name))
            && self.in_body(asking)
    }

    /// Whether there is no mark but the method.
    fn is_bare(&self) -> bool {
        self.query.is_empty() && self.headers.is_empty() && self.texts.is_empty()
    }

    fn in_body(&self, asking: &ChallengeCandidate<'_>) -> bool {
        if self.texts.is_empty() {
            return true;
        }
        let body = Some(asking.body).filter(|body| body.len() <= LONGEST);
        let body = body.and_then(|body| std::str::from_utf8(body).ok());
        body.is_some_and(|body| self.texts.iter().all(|text| body.contains(text)))
    }
}

/// Whether a request carries no data at all.
pub fn is_bare(asking: &ChallengeCandidate<'_>) -> bool {
    matches!(asking.method, "GET" | "HEAD") && asking.body.is_empty() && !asking.target.contains('?')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::Headers;

    #[test]
    fn a_body_is_searched_only_when_nothing_else_marks_the_question_and_it_may_be_one() {
        let marks = ChallengeMarks {
            method: "POST",
            query: &[],
            headers: &[],
            texts: &["\"url_verification\""],
        };
        let headers = Headers::new();
        let asking = |method, body| ChallengeCandidate {
            method,
            target: "/",
            headers: &headers,
            body,
        };
        let body = br#"{"type":"url_verification"}"#;
        assert!(marks.fit(&asking("POST", body), true));
        assert!(!marks.fit(&asking("POST", body), false));
        assert!(!marks.fit(&asking("GET", body), true));
        assert!(!marks.fit(&asking("POST", b"{}"), true));
        assert!(!marks.fit(&asking("POST", &vec![b' '; LONGEST + 1]), true));
    }
}
