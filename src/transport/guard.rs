//! Which addresses a target may be: classes of IP addresses, and what people type as a target.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, ParseError, Url};

/// What an address is for. Only [`AddressClass::Public`] ones are reached without leave by a service that strangers give
/// targets to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// This machine: `127.0.0.0/8`, `::1`.
    Loopback,
    /// A private network: RFC 1918, unique local.
    Private,
    /// The local link: `169.254.0.0/16`, `fe80::/10`.
    LinkLocal,
    /// Where clouds hand out credentials: `169.254.169.254`, `fd00:ec2::254`.
    Metadata,
    /// Shared behind a carrier's translation: `100.64.0.0/10`.
    CarrierGrade,
    /// Groups: `224.0.0.0/4`, `ff00::/8`.
    Multicast,
    /// No address: `0.0.0.0/8`, `::`. Connecting to it reaches this machine.
    Unspecified,
    /// For examples only: `192.0.2.0/24`, `2001:db8::/32` and the like.
    Documentation,
    /// Set aside for protocols, tests or the future.
    Reserved,
    /// Everything else.
    Public,
}

impl AddressClass {
    /// The class of that address. An IPv4 address inside an IPv6 one (mapped, translated, tunnelled) counts as itself:
    /// what would be reached is what matters.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => embedded_v4(v6).map_or_else(|| Self::of_v6(v6), Self::of_v4),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [127, ..] => Self::Loopback,
            [169, 254, 169, 254] => Self::Metadata,
            [169, 254, ..] => Self::LinkLocal,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            [100, 64..=127, ..] => Self::CarrierGrade,
            [0, ..] => Self::Unspecified,
            [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Self::Documentation,
            [224..=239, ..] => Self::Multicast,
            [240..=255, ..] | [192, 0, 0, _] | [198, 18..=19, ..] => Self::Reserved,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Unspecified,
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Self::Metadata,
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Self::Private,
            [0xff00..=0xffff, ..] => Self::Multicast,
            [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Self::Documentation,
            // 2001::/23 holds Teredo, ORCHID and the benchmarking block; global unicast is 2000::/3 alone.
            [0x2001, 0..=0x1ff, ..] => Self::Reserved,
            [0x2000..=0x3fff, ..] => Self::Public,
            _ => Self::Reserved,
        }
    }

    /// A word for texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::CarrierGrade => "carrier-grade",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Documentation => "documentation",
            Self::Reserved => "reserved",
            Self::Public => "public",
        }
    }
}

/// Which addresses may be reached: looked at when a connection is made, after names were looked up, so that a name cannot
/// lead inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Everything: the user gives the targets.
    #[default]
    Everything,
    /// This machine and the internet.
    ThisMachine,
    /// The internet alone.
    Public,
}

impl Reach {
    /// Whether that address may be reached. The error names its class.
    pub fn check(self, address: IpAddr) -> Result<(), AddressClass> {
        let class = AddressClass::of(address);
        let may = match self {
            Self::Everything => true,
            Self::ThisMachine => matches!(class, AddressClass::Public | AddressClass::Loopback),
            Self::Public => class == AddressClass::Public,
        };
        if may { Ok(()) } else { Err(class) }
    }

    /// The same of a URL whose host needs no looking up; a name passes.
    pub fn check_url(self, url: &Url) -> Result<(), AddressClass> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(address.into()),
            Some(Host::Ipv6(address)) => self.check(address.into()),
            Some(Host::Domain(name)) if is_localhost(name) => self.check(Ipv4Addr::LOCALHOST.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

/// The IPv4 address that a mapped (`::ffff:0:0/96`), compatible (`::/96`), translated (`64:ff9b::/96`) or 6to4
/// (`2002::/16`) address stands for.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(join(high, low))
        }
        _ => None,
    }
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing was typed.
    #[error("the target is empty")]
    Empty,
    /// A space or a control character.
    #[error("the target `{0}` holds a space or a control character")]
    Space(String),
    /// Neither `http` nor `https`.
    #[error("the target's scheme is `{0}`: it must be `http` or `https`")]
    Scheme(String),
    /// `http:example.com`
    #[error("the target `{0}` lacks `//` after its scheme")]
    Slashes(String),
    /// Zero, above 65535, or no number.
    #[error("the port of the target `{0}` is not a number from 1 to 65535")]
    Port(String),
    /// There is none, or it is malformed.
    #[error("the target `{0}` has no valid host")]
    Host(String),
    /// Anything else that is wrong with it.
    #[error("the target `{0}` is not a URL: {1}")]
    Malformed(String, String),
}

/// Reads what people type as a target: `4400`, `:4400/path`, `localhost:3000`, `127.0.0.1:3000/x`, `[::1]:80` (http, this
/// machine), `example.com/x` (https), or a whole URL.
pub fn target(text: &str) -> Result<Url, TargetError> {
    if text.is_empty() {
        return Err(TargetError::Empty);
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(TargetError::Space(crate::mask::url(&text.escape_debug().to_string())));
    }
    let url = match text.split_once("://") {
        Some((scheme, _)) if !is_scheme(scheme) => parse(text, &format!("https://{text}")),
        Some((scheme, _)) if !is_http(scheme) => Err(TargetError::Scheme(scheme.to_owned())),
        Some(_) => parse(text, text),
        None => short(text),
    }?;
    match url.port() {
        Some(0) => Err(TargetError::Port(crate::mask::url(text))),
        _ => Ok(url),
    }
}

/// A target without a scheme.
fn short(text: &str) -> Result<Url, TargetError> {
    if text.split_once(':').is_some_and(|(scheme, _)| is_http(scheme)) {
        return Err(TargetError::Slashes(crate::mask::url(text)));
    }
    // `file:/x` would read as a host called `file` with its port left out.
    if text[..authority_ends(text)].ends_with(':') {
        return Err(TargetError::Port(crate::mask::url(text)));
    }
    let after_colon = text.strip_prefix(':').unwrap_or(text);
    let port = &after_colon[..authority_ends(after_colon)];
    if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) {
        return parse(text, &format!("http://127.0.0.1:{after_colon}"));
    }
    if text.starts_with(':') {
        return Err(TargetError::Port(crate::mask::url(text)));
    }
    // A path or a command's name is no host: `/x`, `./x`, `make`.
    if !text.starts_with(|c: char| c.is_alphanumeric() || c == '[') {
        return Err(TargetError::Host(crate::mask::url(text)));
    }
    let url = parse(text, &format!("https://{text}"))?;
    if is_loopback(&url) || is_unspecified(&url) {
        return parse(text, &format!("http://{text}"));
    }
    if !text[..authority_ends(text)].contains(['.', ':']) {
        return Err(TargetError::Host(crate::mask::url(text)));
    }
    Ok(url)
}

fn parse(text: &str, url: &str) -> Result<Url, TargetError> {
    Url::parse(url).map_err(|error| match error {
        ParseError::InvalidPort => TargetError::Port(crate::mask::url(text)),
        ParseError::EmptyHost
        | ParseError::IdnaError
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address
        | ParseError::InvalidDomainCharacter => TargetError::Host(crate::mask::url(text)),
        other => TargetError::Malformed(crate::mask::url(text), other.to_string()),
    })
}

fn authority_ends(text: &str) -> usize {
    text.find(['/', '?', '#']).unwrap_or(text.len())
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-".contains(c))
}

/// Whether that host name means this machine (RFC 6761, section 6.3).
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

/// Whether the URL's host is this machine by its very text; no name but `localhost` is looked up.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(address)) => AddressClass::of(address.into()) == AddressClass::Loopback,
        Some(Host::Ipv6(address)) => AddressClass::of(address.into()) == AddressClass::Loopback,
        None => false,
    }
}

fn is_unspecified(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_unspecified(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_its_class() {
        use AddressClass as C;
        for (address, class) in [
            ("127.0.0.1", C::Loopback),
            ("127.255.0.9", C::Loopback),
            ("::1", C::Loopback),
            ("::ffff:127.0.0.1", C::Loopback),
            ("10.1.2.3", C::Private),
            ("172.16.0.1", C::Private),
            ("172.32.0.1", C::Public),
            ("192.168.1.1", C::Private),
            ("fd12::1", C::Private),
            ("169.254.1.1", C::LinkLocal),
            ("fe80::1", C::LinkLocal),
            ("169.254.169.254", C::Metadata),
            ("::ffff:169.254.169.254", C::Metadata),
            ("64:ff9b::a9fe:a9fe", C::Metadata),
            ("2002:a00:1::1", C::Private),
            ("fd00:ec2::254", C::Metadata),
            ("100.64.0.1", C::CarrierGrade),
            ("100.128.0.1", C::Public),
            ("224.0.0.1", C::Multicast),
            ("ff02::1", C::Multicast),
            ("0.0.0.0", C::Unspecified),
            ("::", C::Unspecified),
            ("192.0.2.7", C::Documentation),
            ("2001:db8::1", C::Documentation),
            ("198.18.0.1", C::Reserved),
            ("255.255.255.255", C::Reserved),
            ("2001:0:1::1", C::Reserved),
            ("8.8.8.8", C::Public),
            ("2606:4700::1111", C::Public),
        ] {
            assert_eq!(AddressClass::of(address.parse().unwrap()), class, "{address}");
        }
    }

    #[test]
    fn what_strangers_may_reach_is_decided_by_the_class_of_the_address() {
        use AddressClass as C;
        for (url, this_machine, public) in [
            ("http://8.8.8.8/", Ok(()), Ok(())),
            ("http://example.com/", Ok(()), Ok(())),
            ("http://127.0.0.1:3000/", Ok(()), Err(C::Loopback)),
            ("http://app.localhost/", Ok(()), Err(C::Loopback)),
            ("http://10.0.0.1/", Err(C::Private), Err(C::Private)),
            ("http://[::ffff:169.254.169.254]/", Err(C::Metadata), Err(C::Metadata)),
            ("http://0.0.0.0/", Err(C::Unspecified), Err(C::Unspecified)),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(Reach::ThisMachine.check_url(&parsed), this_machine, "{url}");
            assert_eq!(Reach::Public.check_url(&parsed), public, "{url}");
            assert_eq!(Reach::Everything.check_url(&parsed), Ok(()), "{url}");
        }
    }

    #[test]
    fn targets_are_read_as_people_type_them() {
        for (text, url) in [
            ("4400", "http://127.0.0.1:4400/"),
            ("4400/a?b=c", "http://127.0.0.1:4400/a?b=c"),
            (":4400", "http://127.0.0.1:4400/"),
            (":4400/path", "http://127.0.0.1:4400/path"),
            ("localhost", "http://localhost/"),
            ("localhost:3000", "http://localhost:3000/"),
            ("LOCALHOST:3000/x", "http://localhost:3000/x"),
            ("app.localhost:3000", "http://app.localhost:3000/"),
            ("127.0.0.1:3000/x", "http://127.0.0.1:3000/x"),
            ("0.0.0.0:3000", "http://0.0.0.0:3000/"),
            ("[::1]:80", "http://[::1]/"),
            ("localhost:80", "http://localhost/"),
            ("localhost:443", "http://localhost:443/"),
            ("example.com/x", "https://example.com/x"),
            ("example.com:8443", "https://example.com:8443/"),
            (
                "example.com/?next=http://a.example/",
                "https://example.com/?next=http://a.example/",
            ),
            ("user:pw@example.com", "https://user:pw@example.com/"),
            ("db:8443", "https://db:8443/"),
            ("192.168.1.5:3000", "https://192.168.1.5:3000/"),
            ("http://example.com", "http://example.com/"),
            ("HTTPS://example.com:443/x", "https://example.com/x"),
        ] {
            assert_eq!(target(text).map(String::from).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_refused_by_name() {
        let says = |text: &str| target(text).map(String::from).unwrap_err().to_string();
        assert_eq!(says(""), "the target is empty");
        for (text, part) in [
            ("ftp://example.com", "the target's scheme is `ftp`"),
            ("file:/etc/passwd", "is not a number from 1 to 65535"),
            ("http:4400", "lacks `//`"),
            ("a b", "holds a space"),
            ("a\u{0}b", "holds a space or a control character"),
            ("0", "is not a number from 1 to 65535"),
            (":0/x", "is not a number from 1 to 65535"),
            ("65536", "is not a number from 1 to 65535"),
            ("http://localhost:0", "is not a number from 1 to 65535"),
            ("localhost:x", "is not a number from 1 to 65535"),
            (":x", "is not a number from 1 to 65535"),
            ("/path", "has no valid host"),
            ("./deploy.sh", "has no valid host"),
            ("make", "has no valid host"),
            ("http://", "has no valid host"),
            ("[::1", "has no valid host"),
            ("exa^mple.com", "has no valid host"),
        ] {
            assert!(says(text).contains(part), "{text}: {}", says(text));
        }
    }

    #[test]
    fn an_error_does_not_repeat_the_password_of_the_target() {
        let text = target("http://me:hunter2@example.com:99999/x").unwrap_err().to_string();
        assert!(text.contains("http://********:********@example.com:99999/x"), "{text}");
        let text = target("me:hunter2@exa mple.com").unwrap_err().to_string();
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn loopback_is_told_by_the_text_of_the_host() {
        for (url, loopback) in [
            ("http://localhost./", true),
            ("http://a.b.localhost/", true),
            ("http://127.1/", true),
            ("http://[::1]/", true),
            ("http://[::ffff:127.0.0.1]/", true),
            ("http://localhost.example/", false),
            ("http://notlocalhost/", false),
            ("http://192.168.0.1/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}
