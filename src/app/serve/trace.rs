//! The trace of a call, as W3C Trace Context has it: passed on to the deliveries of its events as it came, since hook
//! makes no spans of its own.

use crate::engine::Delivery;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// Bytes of `tracestate`, at most: the standard asks for at least these.
const LONGEST_STATE: usize = 512;

/// Members of `tracestate`, at most.
const MOST_MEMBERS: usize = 32;

/// A valid `traceparent`, and the `tracestate` beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TraceContext {
    parent: String,
    state: Option<String>,
}

impl TraceContext {
    /// The trace that the headers of a call name. One that is not valid is none.
    pub(super) fn of_headers<'h>(values: impl Fn(&str) -> Vec<&'h [u8]>) -> Option<Self> {
        let [parent] = values(PARENT)[..] else { return None };
        let parent = std::str::from_utf8(parent).ok()?.trim_matches([' ', '\t']);
        if !is_parent(parent) {
            return None;
        }
        let lines = values(STATE);
        let state: Option<Vec<&str>> = lines.into_iter().map(|line| std::str::from_utf8(line).ok()).collect();
        let state = state.map(|lines| lines.join(",")).filter(|state| is_state(state));
        Some(Self {
            parent: parent.to_owned(),
            state,
        })
    }

    /// Gives a delivery the trace, unless its endpoint's own headers have one. It is kept with the delivery.
    pub(super) fn pass_on(&self, delivery: &mut Delivery) {
        if delivery.headers.contains(PARENT) {
            return;
        }
        delivery.headers.append(PARENT, &self.parent);
        if let Some(state) = self.state.as_ref().filter(|_| !delivery.headers.contains(STATE)) {
            delivery.headers.append(STATE, state);
        }
    }
}

/// `VERSION-TRACE-PARENT-FLAGS` in lower-case hex. A later version may have more behind another dash.
fn is_parent(text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    let is_some = |text: &str| text.bytes().any(|c| c != b'0');
    let mut parts = text.splitn(5, '-');
    let mut part = |length: usize| parts.next().filter(|part| part.len() == length && is_hex(part));
    let (Some(version), Some(trace), Some(parent), Some(_)) = (part(2), part(32), part(16), part(2)) else {
        return false;
    };
    let rest = parts.next();
    let fits = match version {
        "00" => rest.is_none(),
        "ff" => false,
        _ => text.len() <= LONGEST_STATE && rest.is_none_or(|rest| rest.bytes().all(|c| c.is_ascii_graphic())),
    };
    fits && is_some(trace) && is_some(parent)
}

/// A list of `KEY=VALUE`; empty members are allowed.
fn is_state(text: &str) -> bool {
    let members = || text.split(',').map(|member| member.trim_matches([' ', '\t']));
    let is_member = |member: &str| {
        let is_printable = member.bytes().all(|c| (b' '..=b'~').contains(&c));
        let key = member.split_once('=').map_or("", |(key, _)| key);
        let is_key = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
        is_printable && !key.is_empty() && key.bytes().all(is_key)
    };
    text.len() <= LONGEST_STATE
        && members().any(|member| !member.is_empty())
        && members().count() <= MOST_MEMBERS
        && members().all(|member| member.is_empty() || is_member(member))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_a_valid_parent_is_a_trace() {
        let later = VALID.replacen("00", "01", 1);
        for valid in [VALID, &later, &format!("{later}-more"), &VALID.replace("-01", "-00")] {
            assert!(is_parent(valid), "{valid}");
        }
        for invalid in [
            "",
            "00",
            &VALID.to_uppercase(),
            &VALID.replacen("00", "ff", 1),
            &format!("{VALID}-more"),
            &format!("{later}."),
            &VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &VALID.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &VALID.replace("4bf92f", "4bf92"),
            &VALID.replace("4bf92f", "4bf92g"),
        ] {
            assert!(!is_parent(invalid), "{invalid}");
        }
    }

    #[test]
    fn a_state_that_is_not_valid_is_left_out() {
        for valid in ["a=1", "vendor@sys=b,c/d=e f", "a=1, ,b=2"] {
            assert!(is_state(valid), "{valid}");
        }
        let many = ["a=1"; 33].join(",");
        for invalid in [
            "",
            " ,",
            "a",
            "A=1",
            "a=\u{e9}",
            "a=1,b",
            &many,
            &format!("a={}", "x".repeat(511)),
        ] {
            assert!(!is_state(invalid), "{invalid}");
        }
    }

    #[test]
    fn two_parents_are_none_and_the_lines_of_the_state_are_joined() {
        let headers = |parents: &'static [&str]| {
            move |name: &str| match name {
                PARENT => parents.iter().map(|parent| parent.as_bytes()).collect(),
                _ => vec![b"a=1".as_slice(), b"b=2"],
            }
        };
        assert_eq!(TraceContext::of_headers(headers(&[VALID, VALID])), None);
        assert_eq!(TraceContext::of_headers(headers(&[])), None);
        let trace = TraceContext::of_headers(headers(&[VALID])).unwrap();
        assert_eq!(
            (trace.parent.as_str(), trace.state.as_deref()),
            (VALID, Some("a=1,b=2"))
        );
    }
}
