//! Who may use the API: a browser that was given the URL with the token.
//!
//! The token is exchanged for a cookie and a key. Cookies go to every port of a host, so that another local server could read
//! the cookie or have it sent; the key is only in the page, as the header `x-hook-key`. `Host` keeps names away that lead here
//! by DNS, `Origin` other pages.

use std::net::SocketAddr;

use crate::config::Paths;
use crate::digest::sha256;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs;
use crate::random::Random;
use crate::server::Incoming;
use crate::signature::same;

/// The header that carries the key.
pub const KEY_HEADER: &str = "x-hook-key";

/// Letters of a token: 6 bits each.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/// Letters of a token.
const LENGTH: usize = 32;

/// What a browser has to know.
pub struct Session {
    token: String,
    cookie: String,
    key: String,
    address: SocketAddr,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It came under another name, or from another page.
    Foreign,
    /// Cookie or key is missing or wrong.
    Unknown,
}

impl Session {
    /// The token is kept in a private file, so that an open page goes on after a restart; where no file can be made, it ends
    /// with this process.
    pub fn open(paths: &Paths, address: SocketAddr) -> Result<Self> {
        let path = paths.state.join("inspector-token");
        let fresh = Random::os().text(ALPHABET, LENGTH);
        let kept = fs::private_folder(&paths.state).and_then(|()| fs::create_once(&path, fresh.as_bytes()));
        let token = kept.map_or(fresh, |bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        if token.len() < LENGTH {
            return Err(
                Error::new(Exit::Store, format!("the token in `{}` is not usable", path.display()))
                    .hint("delete the file: the next start makes another one"),
            );
        }
        let derived = |what: &str| hex::encode(sha256(&[what.as_bytes(), token.as_bytes()]));
        Ok(Self {
            cookie: derived("cookie"),
            key: derived("key"),
            token,
            address,
        })
    }

    /// The URL that lets a browser in. The token is in the fragment, which is never sent.
    pub fn url(&self) -> String {
        format!("http://{}/#token={}", self.address, self.token)
    }

    /// The key and the cookie for a token.
    pub fn exchange(&self, token: &[u8]) -> Option<(&str, String)> {
        same(token, self.token.as_bytes()).then(|| {
            let cookie = format!(
                "{}={}; Path=/; HttpOnly; SameSite=Strict",
                self.cookie_name(),
                self.cookie
            );
            (self.key.as_str(), cookie)
        })
    }

    fn cookie_name(&self) -> String {
        format!("hook_{}", self.address.port())
    }

    /// Refuses what came under a name that is not this machine's, or from another page.
    pub fn check_origin(&self, incoming: &Incoming) -> std::result::Result<(), Denied> {
        let port = self.address.port();
        let is_own = |host: &str| {
            ["127.0.0.1", "localhost"]
                .iter()
                .any(|name| host.eq_ignore_ascii_case(&format!("{name}:{port}")))
        };
        let host = incoming.headers.get_text("host").unwrap_or_default();
        let origin = incoming.headers.get_text("origin");
        let is_foreign = origin.is_some_and(|origin| origin.strip_prefix("http://") != Some(host));
        let site = incoming.headers.get_text("sec-fetch-site").unwrap_or("none");
        if !is_own(host) || is_foreign || !matches!(site, "none" | "same-origin") {
            return Err(Denied::Foreign);
        }
        Ok(())
    }

    /// Refuses a request without the cookie or without the key.
    pub fn check(&self, incoming: &Incoming) -> std::result::Result<(), Denied> {
        self.check_origin(incoming)?;
        let key = incoming.headers.get(KEY_HEADER).unwrap_or_default();
        let name = self.cookie_name();
        let lines = incoming.headers.all("cookie");
        let mut pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
        let has_cookie = pairs.any(|pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes());
            let value = value.and_then(|rest| rest.strip_prefix(b"="));
            value.is_some_and(|value| same(value, self.cookie.as_bytes()))
        });
        if has_cookie && same(key, self.key.as_bytes()) {
            Ok(())
        } else {
            Err(Denied::Unknown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> (Session, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths {
            config: folder.path().join("config"),
            state: folder.path().join("state"),
        };
        let session = Session::open(&paths, "127.0.0.1:4402".parse().unwrap()).unwrap();
        let again = Session::open(&paths, "127.0.0.1:4402".parse().unwrap()).unwrap();
        assert_eq!(session.url(), again.url(), "the token outlives the process");
        (session, folder)
    }

    #[test]
    fn a_state_folder_that_cannot_be_made_costs_the_token_of_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let paths = Paths {
            config: file.join("config"),
            state: file.join("state"),
        };
        let open = || Session::open(&paths, "127.0.0.1:4402".parse().unwrap()).unwrap();
        assert_ne!(open().url(), open().url());
    }

    fn request(headers: &[(&str, &str)]) -> Incoming {
        Incoming {
            method: "GET".to_owned(),
            target: "/api/status".to_owned(),
            headers: headers.iter().copied().collect(),
            body: bytes::Bytes::new(),
            remote: "127.0.0.1:9".parse().unwrap(),
        }
    }

    #[test]
    fn a_request_needs_cookie_and_key_under_its_own_name() {
        let (session, _folder) = session();
        assert!(session.exchange(b"wrong").is_none());
        let token = session.token.clone();
        let (key, cookie) = session.exchange(token.as_bytes()).unwrap();
        assert!(cookie.starts_with("hook_4402=") && cookie.contains("HttpOnly; SameSite=Strict"));
        let cookie = format!("other=1; {}", cookie.split(';').next().unwrap());
        let host = ("host", "127.0.0.1:4402");
        let both = [host, ("cookie", cookie.as_str()), (KEY_HEADER, key)];
        assert_eq!(session.check(&request(&both)), Ok(()));
        let own = [both.as_slice(), &[("origin", "http://127.0.0.1:4402")]].concat();
        assert_eq!(session.check(&request(&own)), Ok(()));
        assert_eq!(session.check(&request(&both[..2])), Err(Denied::Unknown));
        assert_eq!(session.check(&request(&[host, both[2]])), Err(Denied::Unknown));
        for (name, value) in [
            ("host", "evil.example:4402"),
            ("origin", "http://127.0.0.1:4403"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let mut headers: crate::headers::Headers = both.iter().copied().collect();
            headers.set(name, value);
            let foreign = Incoming {
                headers,
                ..request(&[])
            };
            assert_eq!(session.check(&foreign), Err(Denied::Foreign), "{name}: {value}");
        }
    }
}
