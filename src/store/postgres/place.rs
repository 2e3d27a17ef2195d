//! Where a PostgreSQL server is, and how it is reached: the URL, TLS, and the settings of a connection.

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::backoff;
use super::fault::Fault;
use crate::store::place::url::{Connection, DEFAULT_PORT, Host as ServerHost};
use crate::store::{Access, StoreError};

/// How long one host may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// After so long without an answer of the other machine the connection is lost.
const SILENCE: Duration = Duration::from_secs(15);

/// The server's own limits. A read must not keep old rows from being vacuumed for long; a writer waits for locks of other writers,
/// which hold them for one transaction.
const READER_LIMITS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'";
const WRITER_LIMITS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '10s'";

/// Every statement of a writer looks rows up by a few keys, and is planned once. Planned for tables that were empty then, it would
/// read them from the start to the end when they no longer are; so it is with each new day. Pages that cost nothing make a lookup by key
/// cheaper than an index that is read whole.
const WRITER_PLANS: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;
    SET enable_mergejoin = off; SET jit = off; SET random_page_cost = 0";

/// A server and a database.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Place {
    config: Config,
    is_encrypted: bool,
    roots: Option<PathBuf>,
}

impl Place {
    /// Reads a URL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=...`. `sslmode` is `disable`, or `verify-full` and its
    /// weaker names, which mean the same: a certificate that is not checked protects from nothing. By default what stays on this
    /// machine is not encrypted, and everything else is. `sslrootcert` is a file with further roots.
    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        let wrong = |what: &str| StoreError::Unreadable {
            path: "postgres://...".to_owned(),
            what: what.to_owned(),
        };
        // Not with the parser of other URLs: here several hosts may stand, each with its port.
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let pair = url::form_urlencoded::parse(part.as_bytes()).next();
            match pair {
                Some((name, value)) if name == "sslmode" => mode = Some(value.into_owned()),
                Some((name, value)) if name == "sslrootcert" => roots = Some(PathBuf::from(&*value)),
                _ => rest.push(part),
            }
        }
        let url = format!("{base}?{}", rest.join("&"));
        // Errors of the parser may repeat what they do not understand.
        let mut config: Config = url.parse().map_err(|_| wrong("not a URL of PostgreSQL"))?;
        if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            // Of a cluster only one takes writes.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let is_local = config.get_hosts().iter().all(is_this_machine);
        let is_encrypted = match mode.as_deref() {
            Some("disable") => false,
            None | Some("prefer" | "allow") => !is_local,
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(_) => return Err(wrong("`sslmode` is neither `disable` nor `verify-full`")),
        };
        config
            .ssl_mode(if is_encrypted {
                SslMode::Require
            } else {
                SslMode::Disable
            })
            .connect_timeout(CONNECT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        if config.get_application_name().is_none() {
            config.application_name("hook");
        }
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        Ok(Self {
            config,
            is_encrypted,
            roots,
        })
    }

    /// As the place of the ledger is shown everywhere: servers and database.
    pub(super) fn text(&self) -> String {
        let ports = self.config.get_ports();
        let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
        let hosts = self.config.get_hosts().iter().enumerate();
        let hosts = hosts.map(|(at, host)| ServerHost {
            name: match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            },
            port: Some(port(at)),
        });
        let database = self.config.get_dbname().or(self.config.get_user());
        let connection = Connection {
            hosts: hosts.collect(),
            database: database.map(str::to_owned),
            ..Connection::default()
        };
        connection.place()
    }

    /// Tells apart what connections of this process may be refused for: the database, and the role.
    pub(super) fn key(&self) -> String {
        format!("{} {}", self.text(), self.config.get_user().unwrap_or_default())
    }

    /// Connects, and sets what every statement relies on.
    pub(super) async fn connect(&self, access: Access) -> Result<Client, Fault> {
        backoff::paced(&self.key(), self.connect_now(access)).await
    }

    async fn connect_now(&self, access: Access) -> Result<Client, Fault> {
        let client = if self.is_encrypted {
            let tls = self.tls().map_err(|error| Fault::Lost(error.to_string()))?;
            self.connect_with(MakeRustlsConnect::new(tls)).await?
        } else {
            self.connect_with(NoTls).await?
        };
        let limits = match access {
            Access::ReadOnly => READER_LIMITS.to_owned(),
            Access::ReadWrite => format!("{WRITER_LIMITS}; {WRITER_PLANS}"),
        };
        let settings = format!(
            "SET search_path = hook; SET TimeZone = 'UTC'; SET idle_in_transaction_session_timeout = '60s';
             SET default_transaction_isolation = 'read committed'; {limits}"
        );
        client.batch_execute(&settings).await?;
        Ok(client)
    }

    async fn connect_with<T>(&self, tls: T) -> Result<Client, Fault>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let (client, connection) = self.config.connect(tls).await?;
        // It ends with the client. Why it failed is the error of the statement that waits.
        drop(tokio::spawn(connection));
        Ok(client)
    }

    /// Listens on a channel until the connection is lost. `heard` is called once the server listens, and with each payload.
    pub(super) async fn listen(&self, channel: &str, heard: impl Fn(Option<&str>)) -> Result<(), Fault> {
        if self.is_encrypted {
            let tls = self.tls().map_err(|error| Fault::Lost(error.to_string()))?;
            self.listen_with(MakeRustlsConnect::new(tls), channel, heard).await
        } else {
            self.listen_with(NoTls, channel, heard).await
        }
    }

    async fn listen_with<T: MakeTlsConnect<Socket>>(
        &self,
        tls: T,
        channel: &str,
        heard: impl Fn(Option<&str>),
    ) -> Result<(), Fault> {
        let connecting = async { Ok(self.config.connect(tls).await?) };
        let (client, mut connection) = backoff::paced(&self.key(), connecting).await?;
        let listen = format!("LISTEN {channel}");
        let mut listening = pin!(client.batch_execute(&listen));
        let mut is_listening = false;
        loop {
            tokio::select! {
                begun = &mut listening, if !is_listening => {
                    begun?;
                    is_listening = true;
                    heard(None);
                }
                message = poll_fn(|context| connection.poll_message(context)) => match message {
                    Some(Ok(AsyncMessage::Notification(notification))) => heard(Some(notification.payload())),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.into()),
                    None => return Err(Fault::Lost("the server closed the connection".to_owned())),
                },
            }
        }
    }

    fn tls(&self) -> Result<ClientConfig, Box<dyn std::error::Error + Send + Sync>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let Some(file) = &self.roots else {
            return Ok(builder.with_platform_verifier()?.with_no_client_auth());
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file)? {
            roots.add(certificate?)?;
        }
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

impl Place {
    /// The error for users. Of the URL it has servers and database only.
    pub(super) fn error(&self, fault: &Fault) -> StoreError {
        let (place, what) = (self.text(), fault.what());
        match fault {
            Fault::Newer { found, known } => StoreError::Newer {
                path: place,
                found: *found,
                known: *known,
            },
            fault if fault.is_lost() || fault.is_refused() => StoreError::Unavailable { place, what },
            fault => match fault.code() {
                Some(&SqlState::DISK_FULL) => StoreError::Full(place),
                Some(&SqlState::LOCK_NOT_AVAILABLE) => StoreError::Locked(place),
                Some(&SqlState::INSUFFICIENT_PRIVILEGE) => StoreError::ReadOnly { path: place, what },
                _ if matches!(fault, Fault::NoRight(_)) => StoreError::ReadOnly { path: place, what },
                _ => StoreError::Unreadable { path: place, what },
            },
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.text()).finish()
    }
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
    }
}
