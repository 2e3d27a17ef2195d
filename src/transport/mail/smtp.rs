//! The transport: lettre.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::{Mail, MailError, MailOptions, MailSetupError, SmtpTls};

/// How long a server may take for one command, and for a whole mail.
const COMMAND_LIMIT: Duration = Duration::from_secs(20);
const MAIL_LIMIT: Duration = Duration::from_secs(60);

/// A mail server. Each mail has a connection of its own.
#[derive(Debug)]
pub struct MailTransport {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl MailTransport {
    /// Checks the settings; nothing is sent.
    pub fn new(options: &MailOptions) -> Result<Self, MailSetupError> {
        let host = &options.host;
        let (tls, port) = match options.tls {
            SmtpTls::StartTls => (Tls::Required(tls(options)?), 587),
            SmtpTls::Tls => (Tls::Wrapper(tls(options)?), 465),
            SmtpTls::Off if is_loopback(host) => (Tls::None, 25),
            SmtpTls::Off => return Err(MailSetupError::Unencrypted(host.clone())),
        };
        let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(options.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(COMMAND_LIMIT));
        if let Some((user, password)) = &options.login {
            let password = String::from_utf8_lossy(password.expose()).into_owned();
            server = server.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self {
            server: server.build(),
            from: mailbox(&options.from)?,
        })
    }

    /// Whether that is a mail address.
    pub fn check_address(text: &str) -> Result<(), MailSetupError> {
        mailbox(text).map(drop)
    }

    /// Sends a mail. Returns the recipients that the server refused, when it took the mail for others.
    pub async fn send(&self, mail: Mail) -> Result<Vec<String>, MailError> {
        let message = self.message(mail)?;
        let (all, text) = (message.envelope(), message.formatted());
        match self.hand_over(all, &text).await {
            // A server that refuses one recipient takes the mail for none of them.
            Err(error) if error.refuses_recipient && all.to().len() > 1 => {}
            whole => return whole.map(|()| Vec::new()).map_err(MailError::from),
        }
        let (mut refused, mut failed) = (Vec::new(), None);
        for to in all.to() {
            let one = Envelope::new(all.from().cloned(), vec![to.clone()]);
            let one = one.map_err(|error| permanent(error.to_string()))?;
            if let Err(error) = self.hand_over(&one, &text).await {
                refused.push(format!("{to}: {}", error.text));
                failed = Some(error);
            }
        }
        match failed {
            // Tried again as a whole only where no recipient has it yet.
            Some(error) if refused.len() == all.to().len() => Err(error.into()),
            _ => Ok(refused),
        }
    }

    async fn hand_over(&self, envelope: &Envelope, text: &[u8]) -> Result<(), SmtpFailure> {
        match tokio::time::timeout(MAIL_LIMIT, self.server.send_raw(envelope, text)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(SmtpFailure {
                text: error.to_string(),
                is_permanent: error.is_permanent(),
                refuses_recipient: error
                    .status()
                    .is_some_and(|code| (550..=553).contains(&u16::from(code))),
            }),
            Err(_) => Err(SmtpFailure {
                text: "the mail server takes too long".to_owned(),
                is_permanent: false,
                refuses_recipient: false,
            }),
        }
    }

    /// Header values are encoded by the builder, so that no text becomes a header of its own.
    fn message(&self, mail: Mail) -> Result<Message, MailError> {
        let id = format!("<{}@{}>", mail.id, self.from.email.domain());
        // Programs that answer mails leave it alone.
        let automatic = HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        );
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(mail.subject)
            .date(mail.at)
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .raw_header(automatic);
        for to in &mail.to {
            message = message.to(mailbox(to).map_err(|error| permanent(error.to_string()))?);
        }
        message.body(mail.text).map_err(|error| permanent(error.to_string()))
    }
}

/// What a mail server said, or that it said nothing.
struct SmtpFailure {
    text: String,
    is_permanent: bool,
    /// A code that servers give to a recipient whom they do not take mails for.
    refuses_recipient: bool,
}

impl From<SmtpFailure> for MailError {
    fn from(failure: SmtpFailure) -> Self {
        Self {
            text: failure.text,
            is_permanent: failure.is_permanent,
        }
    }
}

fn permanent(text: String) -> MailError {
    MailError {
        text,
        is_permanent: true,
    }
}

fn mailbox(text: &str) -> Result<Mailbox, MailSetupError> {
    text.parse().map_err(|_| MailSetupError::Address(text.to_owned()))
}

fn tls(options: &MailOptions) -> Result<TlsParameters, MailSetupError> {
    let mut tls = TlsParameters::builder(options.host.clone());
    let path = options.ca_file.as_deref().unwrap_or(Path::new(""));
    let wrong = |why: String| MailSetupError::Certificates {
        path: path.display().to_string(),
        why,
    };
    if options.ca_file.is_some() {
        let pem = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))?);
    }
    tls.build().map_err(|error| wrong(error.to_string()))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn options(host: &str, tls: SmtpTls) -> MailOptions {
        MailOptions {
            host: host.to_owned(),
            port: None,
            tls,
            login: None,
            ca_file: None,
            from: "hook <hook@example.com>".to_owned(),
        }
    }

    #[test]
    fn a_connection_that_is_not_encrypted_stays_on_this_machine() {
        for (host, is_ok) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("example.com", false),
            ("192.0.2.1", false),
        ] {
            let made = MailTransport::new(&options(host, SmtpTls::Off));
            assert_eq!(made.is_ok(), is_ok, "{host}: {made:?}");
            assert!(MailTransport::new(&options(host, SmtpTls::Tls)).is_ok(), "{host}");
        }
    }

    #[test]
    fn addresses_and_certificates_are_checked() {
        let mut wrong = options("example.com", SmtpTls::StartTls);
        wrong.from = "hook".to_owned();
        let error = MailTransport::new(&wrong).unwrap_err().to_string();
        assert_eq!(error, "`hook` is not a mail address such as `pat@example.com`");
        let mut wrong = options("example.com", SmtpTls::StartTls);
        wrong.ca_file = Some("/nowhere/ca.pem".into());
        let error = MailTransport::new(&wrong).unwrap_err().to_string();
        assert!(
            error.starts_with("the certificates in `/nowhere/ca.pem` cannot be used"),
            "{error}"
        );
    }

    fn mail(to: &[&str]) -> Mail {
        Mail {
            id: "endpoint.disabled_dlv_1_6".to_owned(),
            at: SystemTime::UNIX_EPOCH,
            to: to.iter().map(|to| (*to).to_owned()).collect(),
            subject: "a\r\nBcc: eve@example.com\r\n\r\nb".to_owned(),
            text: "Käse\n.\n".to_owned(),
        }
    }

    /// Answers one client as a mail server does that takes nothing for `gone@`. Returns whom it took a mail for.
    async fn converse(stream: TcpStream) -> Vec<String> {
        let mut stream = BufStream::new(stream);
        let (mut taken, mut given, mut is_data, mut reply) = (Vec::new(), Vec::new(), false, "220 ready");
        loop {
            if !reply.is_empty() {
                stream.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
            }
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
                return taken;
            }
            reply = match line.trim_end() {
                "." if is_data => {
                    is_data = false;
                    taken.append(&mut given);
                    "250 taken"
                }
                _ if is_data => "",
                "DATA" => {
                    is_data = true;
                    "354 go on"
                }
                to if to.starts_with("RCPT") && to.contains("gone@") => "550 no such user",
                to if to.starts_with("RCPT") => {
                    given.push(to.to_owned());
                    "250 ok"
                }
                _ => "250 ok",
            };
        }
    }

    #[tokio::test]
    async fn a_recipient_that_the_server_refuses_does_not_stop_the_mail_to_the_others() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut options = options("127.0.0.1", SmtpTls::Off);
        options.port = Some(server.local_addr().unwrap().port());
        let transport = MailTransport::new(&options).unwrap();
        let serving = async {
            let mut taken = Vec::new();
            while taken.len() < 2 {
                taken.extend(converse(server.accept().await.unwrap().0).await);
            }
            taken
        };
        let to = ["a@example.com", "gone@example.com", "b@example.com"];
        let (sent, taken) = tokio::join!(transport.send(mail(&to)), serving);
        let refused = sent.unwrap();
        assert!(
            matches!(&refused[..], [one] if one.starts_with("gone@example.com: ")),
            "{refused:?}"
        );
        assert_eq!(taken, ["RCPT TO:<a@example.com>", "RCPT TO:<b@example.com>"]);
        let (sent, _) = tokio::join!(transport.send(mail(&to[1..2])), async {
            converse(server.accept().await.unwrap().0).await
        });
        assert!(sent.unwrap_err().is_permanent);
    }

    #[test]
    fn a_text_in_a_subject_becomes_no_header() {
        let transport = MailTransport::new(&options("localhost", SmtpTls::Off)).unwrap();
        let mail = mail(&["pat@example.com"]);
        let text = String::from_utf8(transport.message(mail).unwrap().formatted()).unwrap();
        let (headers, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!headers.lines().any(|line| line.starts_with("Bcc")), "{text}");
        assert!(
            headers.contains("Message-ID: <endpoint.disabled_dlv_1_6@example.com>"),
            "{text}"
        );
    }
}
