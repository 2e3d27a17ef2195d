//! Which addresses may be reached. Endpoint rules, connect-time checks and diagnostics share one table of address classes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::words::words;

words! {
    /// What an address is used for.
    pub enum AddressClass {
        /// This machine: `127.0.0.0/8`, `::1`, `localhost`.
        Loopback = "loopback",
        /// A private network: RFC 1918, unique local.
        Private = "private",
        /// The local link: `169.254.0.0/16`, `fe80::/10`.
        LinkLocal = "link-local",
        /// Services of a cloud for its own machines, which hand out credentials: `169.254.169.254`, `168.63.129.16`,
        /// `metadata.google.internal`.
        Metadata = "metadata",
        /// Shared behind a carrier's translation: `100.64.0.0/10`.
        CarrierGrade = "carrier-grade",
        /// Groups: `224.0.0.0/4`, `ff00::/8`.
        Multicast = "multicast",
        /// No address: `0.0.0.0/8`, `::`. Connecting to it reaches this machine.
        Unspecified = "unspecified",
        /// For examples only: `192.0.2.0/24`, `2001:db8::/32` and the like.
        Documentation = "documentation",
        /// Set aside for protocols, tests or the future.
        Reserved = "reserved",
        /// A name that never exists on the internet: without a domain, or below `.internal`, `.local` and the like.
        LocalName = "local",
        /// Everything else.
        Public = "public",
    }
}

/// Addresses at which clouds serve their own machines, besides the link-local ones: Azure's wire server, Alibaba, Oracle.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same for IPv6: Amazon's block, Google, Scaleway.
const METADATA_V6: [[u16; 4]; 3] = [[0xfd00, 0xec2, 0, 0], [0xfd20, 0xce, 0, 0], [0xfd00, 0x42, 0, 0]];

/// Names of the same services.
const METADATA_NAMES: [&str; 8] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "metadata.azure.com",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
];

/// Names below these never exist on the internet (RFC 6761, 6762, 8375, 9476, and those that ICANN does not delegate).
const LOCAL_SUFFIXES: [&str; 12] = [
    "local",
    "localdomain",
    "internal",
    "home.arpa",
    "test",
    "invalid",
    "lan",
    "home",
    "corp",
    "intranet",
    "private",
    "svc",
];

impl AddressClass {
    /// The class of an address. An IPv4 address inside an IPv6 one (mapped, translated, tunnelled) has the class of the IPv4
    /// address, which is the one that is reached.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => Self::of_v6(v6),
        }
    }

    /// The class of the URL's host; `None` without a host. It depends on the parsed URL, never on its text, so that no spelling
    /// (octal, hexadecimal, percent-encoded, full-width digits) has another class. Names are not resolved.
    pub fn of_url(url: &Url) -> Option<Self> {
        Some(match url.host()? {
            Host::Ipv4(address) => Self::of_v4(address),
            Host::Ipv6(address) => Self::of_v6(address),
            Host::Domain(name) => Self::of_name(name),
        })
    }

    fn of_name(name: &str) -> Self {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_below = |suffix: &&str| {
            name.strip_suffix(*suffix)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if is_localhost(&name) {
            Self::Loopback
        } else if METADATA_NAMES.contains(&name.as_str()) {
            Self::Metadata
        } else if !name.contains('.') || LOCAL_SUFFIXES.iter().any(is_below) {
            Self::LocalName
        } else {
            Self::Public
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        if METADATA_V4.contains(&address) {
            return Self::Metadata;
        }
        match address.octets() {
            [127, ..] => Self::Loopback,
            [169, 254, ..] => Self::LinkLocal,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Self::Private,
            [100, 64..=127, ..] => Self::CarrierGrade,
            [0, ..] => Self::Unspecified,
            [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Self::Documentation,
            [224..=239, ..] => Self::Multicast,
            [240..=255, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => Self::Reserved,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let own = Self::of_plain_v6(address);
        let inner = embedded_v4(address).map(|inner| inner.map(Self::of_v4));
        // A form that is only another way to write an IPv4 address has its class; otherwise the inner address can only make
        // the class more dangerous.
        match inner {
            [Some(only), None] if stands_for_v4(address) => only,
            inner => inner
                .into_iter()
                .flatten()
                .chain([own])
                .max_by_key(|class| class.danger())
                .unwrap_or(own),
        }
    }

    fn of_plain_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Unspecified,
            [a, b, c, d, ..] if METADATA_V6.contains(&[a, b, c, d]) => Self::Metadata,
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

    /// Decides between two classes of one address.
    fn danger(self) -> u8 {
        match self {
            Self::Public => 0,
            Self::Reserved | Self::Documentation | Self::Multicast | Self::LocalName => 1,
            Self::Private | Self::CarrierGrade | Self::Loopback | Self::Unspecified => 2,
            Self::LinkLocal => 3,
            Self::Metadata => 4,
        }
    }

    /// The end of a sentence that begins with "`URL` is".
    pub fn description(self) -> &'static str {
        match self {
            Self::Loopback => "on this machine only",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud's metadata service",
            Self::CarrierGrade => "a carrier's private address",
            Self::Multicast => "a multicast address",
            Self::Unspecified => "no host's address",
            Self::Documentation => "an address for documentation only",
            Self::Reserved => "a reserved address",
            Self::LocalName => "a local name",
            Self::Public => "a public address",
        }
    }
}

words! {
    /// Which addresses may be reached. Checked when a connection is made, after names were resolved, so that a name cannot
    /// lead inside. Each variant is named for what it allows, which is less than the one before it: the greater of two is
    /// the stricter.
    #[derive(PartialOrd, Ord, Default)]
    pub enum AddressPolicy {
        /// Every address: the user typed the target.
        #[default]
        Any = "any",
        /// The internet, this machine and private networks.
        PublicAndPrivate = "public-and-private",
        /// The internet and this machine.
        PublicAndLoopback = "public-and-loopback",
        /// The internet alone.
        Public = "public",
    }
}

impl AddressPolicy {
    /// Whether an address of that class may be reached.
    pub fn allows(self, class: AddressClass) -> bool {
        use AddressClass as Class;
        match (self, class) {
            (Self::Any, _) | (_, Class::Public) => true,
            (Self::PublicAndPrivate, class) => !matches!(class, Class::Metadata | Class::LinkLocal | Class::Multicast),
            (Self::PublicAndLoopback, class) => class == Class::Loopback,
            (Self::Public, _) => false,
        }
    }

    /// Checks a URL before its name is resolved. A name passes, since its addresses are checked later; the name of a metadata
    /// service does not.
    pub fn check_url(self, url: &Url) -> Result<(), AddressClass> {
        match AddressClass::of_url(url) {
            None | Some(AddressClass::LocalName) => Ok(()),
            Some(class) if self.allows(class) => Ok(()),
            Some(class) => Err(class),
        }
    }
}

/// Whether the address is only another way to write an IPv4 address: mapped (`::ffff:0:0/96`), compatible (`::/96`),
/// translated (`::ffff:0:0:0/96`, `64:ff9b::/96`) or 6to4 (`2002::/16`).
fn stands_for_v4(address: Ipv6Addr) -> bool {
    matches!(
        address.segments(),
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x2002, ..]
    )
}

/// The IPv4 addresses that an IPv6 address contains, by the forms of [`stands_for_v4`], Teredo (server and client), a
/// network's own translation prefix (`64:ff9b:1::/48`, both layouts) or ISATAP.
fn embedded_v4(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let join = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    let s = address.segments();
    let isatap = matches!(s, [.., 0 | 0x200, 0x5efe, _, _])
        .then(|| join(s[6], s[7]))
        .flatten();
    match s {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [join(high, low), None],
        [0x2002, high, low, ..] => [join(high, low), isatap],
        [0x2001, 0, high, low, _, _, client_high, client_low] => [join(high, low), join(!client_high, !client_low)],
        // RFC 6052: with a prefix of 48 bits the address goes around the byte at bit 64.
        [0x64, 0xff9b, 1, first, second, third, high, low] => {
            [join(high, low), join(first, (second << 8) | (third >> 8))]
        }
        _ => [isatap, None],
    }
}

/// Whether that host name means this machine (RFC 6761, section 6.3).
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

/// Whether the URL's host is a loopback address or `localhost`. Names are not resolved.
pub fn is_loopback(url: &Url) -> bool {
    AddressClass::of_url(url) == Some(AddressClass::Loopback)
}

#[cfg(test)]
mod tests;
