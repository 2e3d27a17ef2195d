//! Samples of events and values of parameters.

use serde_json::Value;

use super::file::{Param, ParamType};
use super::profile::Profile;
use crate::json::merge_patch;

impl Profile {
    /// The sample of an event of the catalogue, `like` resolved and placeholders still in it.
    pub fn sample(&self, event: &str) -> Result<Value, String> {
        // Deeper than any real chain of `like`, so that a circle ends.
        self.sample_within(event, 8)
    }

    fn sample_within(&self, event: &str, depth: usize) -> Result<Value, String> {
        let entry = self.events.get(event);
        let entry = entry.ok_or_else(|| format!("event `{event}` not found"))?;
        let own = entry.sample.as_deref().map(serde_json::from_str).transpose();
        let own = own.map_err(|error| format!("the sample of `{event}` is not JSON: {error}"))?;
        match (&entry.like, own) {
            (Some(like), own) if depth > 0 => {
                let mut sample = self.sample_within(like, depth - 1)?;
                if let Some(own) = own {
                    merge_patch(&mut sample, &own);
                }
                Ok(sample)
            }
            (Some(_), _) => Err(format!("`like` of `{event}` goes round in a circle")),
            (None, own) => Ok(own.unwrap_or(Value::Null)),
        }
    }
}

impl Param {
    /// Reads a parameter's text as its type.
    pub fn value(&self, text: &str) -> Result<Value, String> {
        let (value, expected) = match self.kind {
            ParamType::String => return Ok(Value::from(text)),
            ParamType::Integer => (text.parse::<i64>().ok().map(Value::from), "a whole number"),
            ParamType::Number => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                (number.map(Value::from), "a number")
            }
            ParamType::Boolean => (text.parse::<bool>().ok().map(Value::from), "`true` or `false`"),
        };
        value.ok_or_else(|| format!("`{text}` is not {expected}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::{Id, IdKind};
    use crate::json::{document, get};
    use crate::provider::Registry;
    use crate::provider::compose::{ComposeOptions, Composer};
    use crate::random::Random;

    /// The body of a sample as a document.
    fn body(provider: &str, event: &str) -> Value {
        let profile = Registry::default().get(provider).unwrap();
        let options = ComposeOptions {
            event: event.to_owned(),
            ..ComposeOptions::default()
        };
        let (now, random) = (Timestamp::from_unix(1_893_553_445), Random::os());
        let composer = Composer::new(&profile, options).unwrap();
        let message = composer.compose(Id::new(IdKind::Message, now, &random), now, &random);
        let message = message.unwrap();
        document(&message.content_type, &message.body).unwrap()
    }

    #[test]
    fn ids_and_times_have_the_types_that_the_senders_write() {
        for (provider, event, texts) in [
            (
                "meta",
                "messages",
                &["entry.0.id", "entry.0.changes.0.value.messages.0.timestamp"][..],
            ),
            (
                "meta",
                "comments",
                &["entry.0.changes.0.value.id", "entry.0.changes.0.value.from.id"],
            ),
            ("meta", "leadgen", &["entry.0.changes.0.value.leadgen_id"]),
            (
                "discord",
                "ENTITLEMENT_CREATE",
                &["event.data.id", "event.data.user_id"],
            ),
            ("discord", "APPLICATION_AUTHORIZED", &["event.data.user.id"]),
            ("asana", "task.changed", &["events.0.resource.gid"]),
            ("intercom", "conversation.user.created", &["data.item.id"]),
            ("jira", "jira:issue_updated", &["issue.id", "changelog.id"]),
            ("jira", "comment_created", &["comment.id"]),
            ("sentry", "issue", &["data.issue.id"]),
            (
                "zendesk",
                "zen:event-type:ticket.created",
                &["detail.id", "detail.requester_id"],
            ),
            ("zoom", "meeting.started", &["payload.object.id"]),
            ("box", "FILE.UPLOADED", &["source.id"]),
            ("twitch", "channel.follow", &["event.user_id"]),
            ("twitch", "stream.online", &["event.id"]),
            ("lemonsqueezy", "order_created", &["data.id"]),
            ("mailgun", "delivered", &["signature.timestamp"]),
            ("square", "order.created", &["data.object.order_created.order_id"]),
        ] {
            let body = body(provider, event);
            for path in texts {
                assert!(
                    get(&body, path).is_some_and(Value::is_string),
                    "{provider} {path}: {body}"
                );
            }
        }
        let at = |provider, event, path: &str| get(&body(provider, event), path).cloned().unwrap_or_default();
        assert!(at("mailgun", "delivered", "event-data.timestamp").is_f64());
        assert!(
            at("poolflow", "job.paid", "data.id")
                .as_i64()
                .is_some_and(|id| i32::try_from(id).is_ok())
        );
        assert_eq!(at("meta", "messages", "entry.0.time"), Value::Null);
    }

    #[test]
    fn samples_have_the_fields_that_handlers_read() {
        for (provider, event, paths) in [
            (
                "stripe",
                "checkout.session.completed",
                "customer payment_intent client_reference_id",
            ),
            (
                "stripe",
                "invoice.paid",
                "lines.data.0.price.id subscription hosted_invoice_url billing_reason",
            ),
            (
                "stripe",
                "customer.subscription.created",
                "items.data.0.price.id current_period_end",
            ),
        ] {
            let body = body(provider, event);
            let lacks = paths
                .split(' ')
                .find(|path| get(&body, &format!("data.object.{path}")).is_none());
            assert_eq!(lacks, None, "{provider} {event}");
        }
        for (provider, event, paths) in [
            (
                "github",
                "push",
                "compare commits.0.url commits.0.committer commits.0.distinct repository.clone_url",
            ),
            (
                "github",
                "pull_request",
                "pull_request.html_url pull_request.draft pull_request.head.repo.ssh_url",
            ),
            (
                "shopify",
                "orders/create",
                "line_items.0.product_id order_number shipping_address total_price_set",
            ),
            (
                "paddle",
                "transaction.completed",
                "data.items.0.price.id data.subscription_id data.payments.0.amount",
            ),
            (
                "calendly",
                "invitee.created",
                "payload.scheduled_event.start_time payload.cancel_url payload.questions_and_answers",
            ),
            (
                "typeform",
                "form_response",
                "form_response.definition.fields.0.title form_response.hidden",
            ),
            (
                "gitlab",
                "Push Hook",
                "repository.git_http_url user_username project.git_ssh_url",
            ),
        ] {
            let body = body(provider, event);
            let lacks = paths.split(' ').find(|path| get(&body, path).is_none());
            assert_eq!(lacks, None, "{provider} {event}");
        }
        let order = body("shopify", "orders/create");
        let id = order["id"].as_u64().unwrap();
        assert_eq!(order["admin_graphql_api_id"], format!("gid://shopify/Order/{id}"));
    }
}
