//! Notices about endpoints whose deliveries fail: the ledger has what each channel has still to get, and a task for each channel
//! hands it over. What a channel got is noted before the next notice, so that a restart neither loses nor repeats one.

mod text;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use indexmap::IndexMap;
use serde_json::json;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::deliveries::{FanOut, NamedEvent};
use super::queue::{AcceptedEvent, NewIntake, ServiceQueue};
use super::subscribers::Subscribers;
use crate::app::context::Context;
use crate::clock::{Clock as _, Precision, human_duration};
use crate::config::notify::{NotifyFile, SmtpFile};
use crate::error::{Error, Result};
use crate::id::{Id, IdKind};
use crate::listener::exec::{self, Bounds, CommandError};
use crate::mask;
use crate::message::Mode;
use crate::owner_notice::{NoticeChange, NoticeChannel, NoticeKind, NoticePlan, NoticeTask};
use crate::process::CommandOutput;
use crate::store::Op;
use crate::text::printable;
use crate::transport::mail::{Mail, MailOptions, MailSetupError, MailTransport};

/// How often the ledger is asked for notices.
const INTERVAL: Duration = Duration::from_secs(1);

/// Notices that are read at once.
const AT_ONCE: usize = 32;

/// Waits before further tries of a notice that a channel did not take.
const WAITS: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(60 * 60),
];

/// How long a command for a notice may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// The channels of a service.
#[derive(Default)]
pub(super) struct Notifier {
    kinds: Vec<NoticeKind>,
    exec: Option<String>,
    webhook: Option<String>,
    mail: Option<Mailer>,
}

/// Mails to recipients by the name of the endpoint.
struct Mailer {
    transport: MailTransport,
    to: Vec<String>,
    endpoint_to: IndexMap<String, Vec<String>>,
}

/// Why a channel did not take a notice.
struct NotTaken {
    why: String,
    is_permanent: bool,
}

impl Notifier {
    /// As the settings say; `exec` replaces the command there.
    pub(super) fn new(context: &Context, exec: Option<&String>) -> Result<Self> {
        let notify = &context.settings.notify;
        let smtp = notify.smtp.as_ref().filter(|smtp| !smtp.host.is_empty());
        if let Some(name) = &notify.webhook
            && !context.book().read()?.iter().any(|endpoint| endpoint.name == *name)
        {
            context
                .notices
                .warn(format!("setting `notify.webhook`: there is no endpoint `{name}` yet"));
        }
        Ok(Self {
            kinds: notify.events.clone().unwrap_or_default(),
            exec: exec.or(notify.exec.as_ref()).cloned(),
            webhook: notify.webhook.clone(),
            mail: smtp.map(|smtp| Mailer::new(context, notify, smtp)).transpose()?,
        })
    }

    /// The channels that the settings name.
    pub(super) fn channels(&self) -> Vec<NoticeChannel> {
        let is_used = |channel: &NoticeChannel| match channel {
            NoticeChannel::Mail => self.mail.is_some(),
            NoticeChannel::Webhook => self.webhook.is_some(),
            NoticeChannel::Exec => self.exec.is_some(),
        };
        NoticeChannel::ALL.iter().copied().filter(is_used).collect()
    }

    /// Which notices go where.
    pub(super) fn plan(&self) -> NoticePlan {
        NoticePlan::new(&self.kinds, &self.channels())
    }
}

impl Mailer {
    fn new(context: &Context, notify: &NotifyFile, smtp: &SmtpFile) -> Result<Self> {
        let from = notify.from.clone();
        let login = match (&smtp.user, &smtp.password) {
            (Some(user), Some(password)) => Some((user.clone(), context.secret(password)?)),
            (None, None) => None,
            _ => {
                return Err(Error::usage(
                    "setting `notify.smtp`: `user` and `password` belong together",
                ));
            }
        };
        let options = MailOptions {
            host: smtp.host.clone(),
            port: smtp.port,
            tls: smtp.tls.unwrap_or_default(),
            login,
            ca_file: smtp.cacert.as_ref().map(PathBuf::from),
            from: from.ok_or_else(|| Error::usage("setting `notify.from` is missing: the sender of mails"))?,
        };
        let transport = MailTransport::new(&options).map_err(unusable)?;
        let (to, endpoint_to) = (notify.to.clone().unwrap_or_default(), notify.endpoint_to.clone());
        let endpoint_to = endpoint_to.unwrap_or_default();
        for address in to.iter().chain(endpoint_to.values().flatten()) {
            MailTransport::check_address(address).map_err(unusable)?;
        }
        if to.is_empty() && endpoint_to.is_empty() {
            let error = Error::usage("setting `notify.to` is missing: the recipients of mails");
            return Err(error.hint("`to = [\"pat@example.com\"]` in `[notify]`, or `endpoint-to` for single endpoints"));
        }
        Ok(Self {
            transport,
            to,
            endpoint_to,
        })
    }

    /// Returns the recipients that the mail server refused, when others got the mail.
    async fn send(&self, task: &NoticeTask) -> std::result::Result<Vec<String>, NotTaken> {
        let to = self.endpoint_to.get(&task.data.endpoint).unwrap_or(&self.to);
        if to.is_empty() {
            return Ok(Vec::new());
        }
        let since = Duration::from_micros(u64::try_from(task.at.unix_us()).unwrap_or_default());
        let mail = Mail {
            id: task.id(),
            at: SystemTime::UNIX_EPOCH + since,
            to: to.clone(),
            subject: text::subject(task),
            text: text::body(task),
        };
        self.transport.send(mail).await.map_err(|error| NotTaken {
            why: error.text,
            is_permanent: error.is_permanent,
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unusable(error: MailSetupError) -> Error {
    let wrong = Error::usage(format!("setting `notify`: {}", printable(&error.to_string(), 400)));
    if cfg!(feature = "mail") {
        return wrong;
    }
    wrong.hint("build it with the cargo feature `mail`, or remove `smtp` from `[notify]`")
}

/// A notice as JSON, for the command.
fn document(task: &NoticeTask) -> String {
    let at = task.at.rfc3339(Precision::Millis);
    json!({"schema": "hook.notice/1", "id": task.id(), "event": task.kind, "at": at, "data": task.data}).to_string()
}

impl ServiceQueue {
    /// Hands notices over until `stop`; what is under way then has time until `late`.
    pub(super) async fn notify(
        &self,
        notifier: &Notifier,
        fan_out: &FanOut,
        stop: &CancellationToken,
        late: &CancellationToken,
    ) {
        let channel = |channel| self.notify_by(channel, (notifier, fan_out), stop, late);
        tokio::join!(
            channel(NoticeChannel::Mail),
            channel(NoticeChannel::Webhook),
            channel(NoticeChannel::Exec)
        );
    }

    async fn notify_by(
        &self,
        channel: NoticeChannel,
        (notifier, fan_out): (&Notifier, &FanOut),
        stop: &CancellationToken,
        late: &CancellationToken,
    ) {
        if !NoticeKind::ALL
            .iter()
            .any(|kind| self.notices.channels(*kind).any(|used| used == channel))
        {
            return;
        }
        // The failure that was reported last, until the channel takes a notice.
        let mut reported = None;
        while !stop.is_cancelled() {
            let now = self.clock.now();
            let tasks = self
                .reader
                .ask(move |store| store.notice_tasks(channel, now, AT_ONCE))
                .await;
            // The ledger's own failures are reported where deliveries need it.
            let tasks = tasks.unwrap_or_default();
            let is_all = tasks.len() < AT_ONCE;
            for task in tasks {
                if stop.is_cancelled() {
                    return;
                }
                let taken = tokio::select! {
                    taken = self.hand_over(channel, &task, (notifier, fan_out), late) => taken,
                    () = late.cancelled() => return,
                };
                let due = self.next_try(channel, &task, &taken, &mut reported);
                // It was noted with the event.
                if taken.is_err() || channel != NoticeChannel::Webhook {
                    self.note(channel, &task, due, late).await;
                }
            }
            if is_all {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(INTERVAL) => {}
                }
            }
        }
    }

    async fn hand_over(
        &self,
        channel: NoticeChannel,
        task: &NoticeTask,
        (notifier, fan_out): (&Notifier, &FanOut),
        late: &CancellationToken,
    ) -> std::result::Result<(), NotTaken> {
        match (channel, &notifier.mail, &notifier.webhook, &notifier.exec) {
            (NoticeChannel::Mail, Some(mailer), ..) => {
                for refused in mailer.send(task).await? {
                    let why = printable(&mask::text(&refused), 300);
                    let what = format!("notice `{}` by mail does not reach {why}", task.kind);
                    self.context.notices.warn(what);
                }
                Ok(())
            }
            (NoticeChannel::Webhook, _, Some(name), _) => {
                let taken = self.notify_endpoint(name, task, fan_out).await;
                taken.map_err(|error| NotTaken {
                    why: error.to_string(),
                    is_permanent: false,
                })
            }
            (NoticeChannel::Exec, .., Some(command)) => self.notify_command(command, task, late).await,
            _ => Ok(()),
        }
    }

    /// Accepts the notice as an event for that endpoint alone.
    async fn notify_endpoint(&self, name: &str, task: &NoticeTask, fan_out: &FanOut) -> Result<()> {
        let context = &self.context;
        let event = NamedEvent {
            name: task.kind.name().to_owned(),
            data: serde_json::to_string(&task.data).ok(),
            id: Some(task.id()),
            mode: Mode::Live,
            ..NamedEvent::default()
        };
        let id = Id::new(IdKind::Message, context.now(), &context.random);
        // In one transaction, so that it is neither lost nor delivered as two events.
        let done = Op::Notice(NoticeChange {
            number: task.number,
            channel: NoticeChannel::Webhook,
            due: None,
        });
        let make = |subscribers: &Subscribers| {
            let subscriber = subscribers.named(name);
            let subscriber = subscriber.ok_or_else(|| Error::usage(format!("there is no endpoint `{name}`")))?;
            let delivery = fan_out.for_one(context, subscriber, &event, id).map_err(Error::usage)?;
            let accepted = AcceptedEvent {
                id: task.id(),
                name: event.name.clone(),
                mode: event.mode,
                tenant: None,
                data: None,
                deliveries: vec![delivery],
            };
            Ok::<_, Error>(NewIntake {
                events: vec![accepted],
                also: Some(done.clone()),
                ..NewIntake::default()
            })
        };
        self.accept(make).await?;
        Ok(())
    }

    async fn notify_command(
        &self,
        command: &str,
        task: &NoticeTask,
        late: &CancellationToken,
    ) -> std::result::Result<(), NotTaken> {
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(command)
            .env("NOTICE_EVENT", task.kind.name())
            .env("NOTICE_ID", task.id())
            .env("NOTICE_ENDPOINT", &task.data.endpoint);
        let bounds = Bounds {
            limit: Some(COMMAND_LIMIT),
            stop: late,
            kill: late,
            folder: None,
        };
        // Why it failed is in the warning: printed as well, it would be there twice, and break logs in JSON.
        let output = CommandOutput::to(Stdio::null, |_| {});
        let ran = exec::run_shell(shell, document(task).as_bytes(), bounds, &output).await;
        ran.map_err(|error| NotTaken {
            why: match error {
                CommandError::Failed(why) => why,
                CommandError::Stopped => "it was stopped".to_owned(),
            },
            is_permanent: false,
        })
    }

    /// Notes when it is tried again, if at all, until the ledger takes that or `late`.
    async fn note(&self, channel: NoticeChannel, task: &NoticeTask, wait: Option<Duration>, late: &CancellationToken) {
        let change = Op::Notice(NoticeChange {
            number: task.number,
            channel,
            due: wait.map(|wait| self.clock.now().plus(wait)),
        });
        while self.ledger.write(change.clone()).await.is_err() {
            tokio::select! {
                () = late.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// After which time a notice is tried again that was not taken; never where it is given up. Reports both: a failure that
    /// was `reported` last only when the notice is given up.
    fn next_try(
        &self,
        channel: NoticeChannel,
        task: &NoticeTask,
        taken: &std::result::Result<(), NotTaken>,
        reported: &mut Option<String>,
    ) -> Option<Duration> {
        let Err(failure) = taken else {
            *reported = None;
            return None;
        };
        let notices = &self.context.notices;
        let endpoint = printable(&task.data.endpoint, 80);
        let what = format!("notice `{}` about `{endpoint}` by {channel}", task.kind);
        let why = printable(&mask::text(&failure.why), 300);
        let wait = WAITS
            .get(task.tries as usize)
            .copied()
            .filter(|_| !failure.is_permanent);
        match wait {
            // Once: the same again would say nothing new.
            Some(wait) if task.tries == 0 && reported.as_deref() != Some(&why) => {
                notices.warn(format!("{what} is tried again in {}: {why}", human_duration(wait)));
                *reported = Some(why);
            }
            Some(_) => {}
            None => {
                self.stats.failed_notices.fetch_add(1, Ordering::Relaxed);
                notices.warn(format!("{what} is given up: {why}"));
            }
        }
        wait
    }
}
