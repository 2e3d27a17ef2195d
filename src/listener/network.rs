//! Address ranges, `10.0.0.0/8`.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether the address is in the range. An IPv4 address inside IPv6 counts as the IPv4 one.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let alone = || text.parse().map(|address: IpAddr| address.into());
        let parsed = text.parse().or_else(|_| alone());
        parsed
            .map(Self)
            .map_err(|_| format!("`{text}` is not an address range such as `10.0.0.0/8` or `::1`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_inside_or_outside_of_a_range() {
        let inside =
            |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(inside("10.0.0.0/8", "10.1.2.3"));
        assert!(!inside("10.0.0.0/8", "11.0.0.0"));
        assert!(inside("127.0.0.1", "127.0.0.1") && !inside("127.0.0.1", "127.0.0.2"));
        assert!(inside("0.0.0.0/0", "8.8.8.8") && !inside("0.0.0.0/0", "::1"));
        assert!(inside("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(inside("2001:db8::/32", "2001:db8:1::1"));
        for wrong in ["", "10.0.0.0/33", "x/8", "10.0.0.0/"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
