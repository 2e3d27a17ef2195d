//! The mail of a notice. What others chose is escaped.

use crate::clock::Precision;
use crate::owner_notice::{NoticeKind, NoticeTask};
use crate::shell::quote;
use crate::text::printable;

/// Characters of a name, and of any other text, at most.
const NAME: usize = 80;
const TEXT: usize = 300;

/// What a mail is about.
pub(super) fn subject(task: &NoticeTask) -> String {
    let endpoint = printable(&task.data.endpoint, NAME);
    match task.kind {
        NoticeKind::EndpointDisabling => format!("Webhook endpoint {endpoint} is about to be disabled"),
        NoticeKind::EndpointDisabled => format!("Webhook endpoint {endpoint} was disabled"),
        NoticeKind::AttemptFailed => format!("A delivery to webhook endpoint {endpoint} fails"),
        NoticeKind::DeliveryFailed => format!("A delivery to webhook endpoint {endpoint} failed for good"),
    }
}

/// The text of a mail.
pub(super) fn body(task: &NoticeTask) -> String {
    let data = &task.data;
    let mut lines = vec![
        format!("{}: {}.", subject(task), printable(&data.reason, TEXT)),
        String::new(),
        format!(
            "Endpoint:  {} ({})",
            printable(&data.endpoint, NAME),
            printable(&data.provider, NAME)
        ),
    ];
    if let Some(attempt) = &data.attempt {
        lines.push(format!("URL:       {}", printable(&attempt.url, TEXT)));
        lines.push(format!(
            "Delivery:  {}, event {}, attempt {}",
            printable(&attempt.delivery, NAME),
            printable(&attempt.event, NAME),
            attempt.attempt
        ));
        lines.push(format!("Failure:   {}", printable(&attempt.failure, TEXT)));
    }
    lines.push(format!("Time:      {}", task.at.rfc3339(Precision::Seconds)));
    lines.push(String::new());
    let name = quote(&printable(&data.endpoint, NAME));
    match task.kind {
        NoticeKind::EndpointDisabled => {
            lines.push("What comes for it now is parked. Once it works again:".to_owned());
            lines.push(format!("  hook endpoints enable {name} --replay-parked"));
        }
        _ => lines.push(format!("See what failed: hook log --endpoint {name} --failed")),
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::owner_notice::{FailedAttempt, NoticeData};

    fn task(kind: NoticeKind, endpoint: &str) -> NoticeTask {
        NoticeTask {
            number: 1,
            tries: 0,
            at: Timestamp::from_unix(1_893_553_445),
            kind,
            data: NoticeData {
                endpoint: endpoint.to_owned(),
                provider: "poolflow".to_owned(),
                reason: "a delivery failed for good".to_owned(),
                attempt: Some(FailedAttempt {
                    url: "https://example.com/in".to_owned(),
                    delivery: "dlv_1".to_owned(),
                    event: "job.paid".to_owned(),
                    attempt: 6,
                    failure: "500 Internal Server Error".to_owned(),
                }),
                ..NoticeData::default()
            },
        }
    }

    #[test]
    fn a_mail_says_what_happened_and_what_to_do() {
        let text = body(&task(NoticeKind::EndpointDisabled, "crm"));
        let expected = "Webhook endpoint crm was disabled: a delivery failed for good.\n\n\
            Endpoint:  crm (poolflow)\n\
            URL:       https://example.com/in\n\
            Delivery:  dlv_1, event job.paid, attempt 6\n\
            Failure:   500 Internal Server Error\n\
            Time:      2030-01-02T03:04:05Z\n\n\
            What comes for it now is parked. Once it works again:\n  \
            hook endpoints enable crm --replay-parked\n";
        assert_eq!(text, expected);
        for (kind, subject) in [
            (
                NoticeKind::EndpointDisabling,
                "Webhook endpoint crm is about to be disabled",
            ),
            (NoticeKind::EndpointDisabled, "Webhook endpoint crm was disabled"),
            (NoticeKind::AttemptFailed, "A delivery to webhook endpoint crm fails"),
            (
                NoticeKind::DeliveryFailed,
                "A delivery to webhook endpoint crm failed for good",
            ),
        ] {
            assert_eq!(super::subject(&task(kind, "crm")), subject);
        }
    }

    #[test]
    fn what_others_chose_is_escaped_and_short() {
        let task = task(
            NoticeKind::EndpointDisabling,
            &format!("a\r\nBcc: eve\u{202e}{}", "x".repeat(500)),
        );
        let subject = subject(&task);
        assert!(
            !subject.contains(['\r', '\n', '\u{202e}']) && subject.len() < 200,
            "{subject:?}"
        );
        assert!(!body(&task).contains(['\r', '\u{202e}']));
    }
}
