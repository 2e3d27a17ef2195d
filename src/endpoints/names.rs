//! Names: made from a URL, checked, and found again by what a user types.

use std::net::Ipv6Addr;

use url::{Host, Url};

use super::endpoint::Endpoint;
use super::error::EndpointError;
use crate::error::Error;
use crate::id::IdKind;
use crate::provider::near_names;
use crate::text::{printable, quoted};

/// Fewer characters of an id name nothing: `ep_` is the start of them all.
const SHORTEST_PREFIX: usize = 4;

/// A name that is not taken, from the URL's host and port: `example-com`, `localhost-3000`, `example-com-2`.
pub fn name_for(url: &str, taken: &[Endpoint]) -> String {
    let base = base_name(url);
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    let is_free = |name: &String| !taken.iter().any(|endpoint| endpoint.name == *name);
    names.find(is_free).unwrap_or_default()
}

fn base_name(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(Ipv6Addr::LOCALHOST)) => "localhost".to_owned(),
        Some(Host::Ipv6(address)) => format!("ipv6-{address}"),
        None => String::new(),
    };
    let port = url.as_ref().and_then(Url::port);
    let whole = port.map_or_else(|| host.clone(), |port| format!("{host}-{port}"));
    let words: Vec<&str> = whole
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let name: String = words.join("-").to_ascii_lowercase().chars().take(48).collect();
    let name = name.trim_end_matches('-');
    if check_name(name).is_ok() {
        name.to_owned()
    } else {
        "endpoint".to_owned()
    }
}

/// Whether that can be a name: up to 64 lower-case letters, digits, `-`, `_` and `.`, no id.
pub fn check_name(name: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !starts || name.len() > 64 || !name.chars().all(inner) {
        return Err(format!(
            "`{}` is not a name: up to 64 lower-case letters, digits, `-`, `_` and `.`, a letter or digit first",
            printable(name, 200)
        ));
    }
    if name.starts_with(IdKind::Endpoint.name()) {
        return Err(format!("`{name}` is not a name: `ep_` is how an id begins"));
    }
    Ok(())
}

/// Whether that can name a tenant: up to 100 letters, digits, `-`, `_`, `.` and `:`, so that most ids fit.
pub fn check_tenant(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
        return Err(format!(
            "`{}` is not a tenant: 1 to 100 letters, digits, `-`, `_`, `.` and `:`",
            printable(name, 200)
        ));
    }
    Ok(())
}

/// The endpoint of that name, id, or unique beginning of an id.
pub fn select<'a>(endpoints: &'a [Endpoint], selector: &str) -> Result<&'a Endpoint, EndpointError> {
    position(endpoints, selector).map(|index| &endpoints[index])
}

/// The same, to be changed.
pub fn select_mut<'a>(endpoints: &'a mut [Endpoint], selector: &str) -> Result<&'a mut Endpoint, EndpointError> {
    position(endpoints, selector).map(|index| &mut endpoints[index])
}

pub(super) fn position(endpoints: &[Endpoint], selector: &str) -> Result<usize, EndpointError> {
    let exact = |endpoint: &Endpoint| endpoint.name == selector || endpoint.id == selector;
    if let Some(index) = endpoints.iter().position(exact) {
        return Ok(index);
    }
    let starts = |endpoint: &Endpoint| selector.len() >= SHORTEST_PREFIX && endpoint.id.starts_with(selector);
    let found: Vec<usize> = (0..endpoints.len())
        .filter(|index| starts(&endpoints[*index]))
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(EndpointError::Unknown {
            selector: selector.to_owned(),
            near: near_names(selector, endpoints.iter().map(|endpoint| endpoint.name.as_str())),
        }),
        several => {
            let names = several.iter().map(|index| endpoints[*index].name.as_str());
            let what = format!("`{selector}` may be any of {}", quoted(names));
            Err(Error::usage(what).hint("write more of the id, or the name").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::testing::endpoint;

    #[test]
    fn a_name_comes_from_host_and_port_and_is_numbered_when_taken() {
        for (url, name) in [
            ("https://example.com/hooks", "example-com"),
            ("https://Hooks.Example.com:443/in", "hooks-example-com"),
            ("http://localhost:3000", "localhost-3000"),
            ("http://127.0.0.1:4400/x", "127-0-0-1-4400"),
            ("http://[::1]:3000", "localhost-3000"),
            ("http://[2001:db8::1]/", "ipv6-2001-db8-1"),
            ("https://münchen.example/", "xn-mnchen-3ya-example"),
            ("no url", "endpoint"),
        ] {
            assert_eq!(name_for(url, &[]), name, "{url}");
        }
        let taken = [endpoint("example-com"), endpoint("example-com-2")];
        assert_eq!(name_for("https://example.com", &taken), "example-com-3");
    }

    #[test]
    fn a_made_name_passes_its_own_check_whatever_the_host() {
        let long = format!("https://{}.example.com/", ["a".repeat(60), "b".repeat(60)].join("."));
        for url in [long.as_str(), "https://-.-/", "https://ep_1.example.com/"] {
            let name = name_for(url, &[]);
            assert_eq!(check_name(&name), Ok(()), "{url}: {name}");
        }
    }

    #[test]
    fn names_are_plain_and_no_ids() {
        for name in ["a", "7", "crm.staging_2", "a-b"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "-a",
            ".a",
            "A",
            "a b",
            "a/b",
            "é",
            "ep_1",
            "a\u{1b}",
            &"a".repeat(65),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_endpoint_is_found_by_name_id_and_unique_beginning_of_its_id() {
        let mut all = [endpoint("one"), endpoint("two"), endpoint("ten")];
        for (endpoint, digits) in all.iter_mut().zip(["0190aa", "0190ab", "0191"]) {
            endpoint.id = format!("ep_{digits}{}", "0".repeat(32 - digits.len()));
        }
        let name = |selector: &str| select(&all, selector).map(|endpoint| endpoint.name.clone());
        assert_eq!(name("two").unwrap(), "two");
        assert_eq!(name(&all[0].id).unwrap(), "one");
        assert_eq!(name("ep_0191").unwrap(), "ten");
        assert_eq!(
            name("ep_0190").unwrap_err().to_string(),
            "`ep_0190` may be any of `one`, `two`"
        );
        assert!(matches!(name("tow"), Err(EndpointError::Unknown { near, .. }) if near == ["two"]));
        for selector in ["", "ep_", "e", "ep_ff"] {
            assert!(
                matches!(name(selector), Err(EndpointError::Unknown { .. })),
                "{selector}"
            );
        }
    }
}
