//! Proxies: which targets go through them, and what they see.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::server::tls::Tls;

fn from_env(variables: &[(&str, &str)]) -> TransportSettings {
    let options = HttpOptions {
        proxy_from_env: true,
        ..HttpOptions::default()
    };
    TransportSettings::new(options, |name| {
        let found = variables.iter().find(|(have, _)| *have == name);
        found.map(|(_, value)| (*value).to_owned())
    })
    .unwrap()
}

fn through(proxy: &str) -> Result<HttpTransport, HttpOptionsError> {
    HttpTransport::new(HttpOptions {
        proxy: Some(proxy.to_owned()),
        ..HttpOptions::default()
    })
}

#[tokio::test]
async fn a_given_proxy_carries_every_target() {
    let (address, server) = raw(OK).await;
    let transport = through(&address.to_string()).unwrap();
    answered(transport.send(&post("http://example.invalid/x?y", &[], b"")).await);
    let seen = server.await.unwrap();
    assert!(
        seen.starts_with("POST http://example.invalid/x?y HTTP/1.1\\r\\n"),
        "{seen}"
    );
    assert!(seen.contains("host: example.invalid\\r\\n"), "{seen}");

    let (address, server) = raw(OK).await;
    let transport = through(&format!("http://me:pw@{address}")).unwrap();
    answered(transport.send(&post("http://127.0.0.1:9/x", &[], b"")).await);
    let seen = server.await.unwrap();
    assert!(seen.contains("proxy-authorization: Basic bWU6cHc=\\r\\n"), "{seen}");
}

#[test]
fn a_url_in_the_query_of_a_proxy_is_not_its_scheme() {
    assert!(through("localhost:3128/?next=ftp://a").is_ok());
    assert!(through("ftp://localhost:3128").is_err());
}

#[tokio::test]
async fn a_proxy_that_refuses_a_tunnel_is_a_connect_error() {
    let (address, server) = raw("HTTP/1.1 403 Forbidden\r\n\r\n").await;
    let transport = through(&format!("http://{address}")).unwrap();
    let (kind, text) = failed(transport.send(&post("https://example.invalid/", &[], b"")).await);
    assert_eq!(kind, ErrorKind::Connect, "{text}");
    assert!(
        text.starts_with("cannot connect to example.invalid:443 (a proxy is set)"),
        "{text}"
    );
    assert!(
        server
            .await
            .unwrap()
            .starts_with("CONNECT example.invalid:443 HTTP/1.1")
    );
}

/// Makes one tunnel to wherever it is asked for, and gives the head of the request.
pub(super) async fn make_tunnel<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap();
    let mut beyond = TcpStream::connect(target).await.unwrap();
    let answer = b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut beyond).await;
    head
}

#[tokio::test]
async fn a_target_over_tls_is_reached_by_a_tunnel_through_a_plain_proxy_or_one_over_tls() {
    let port = tls::serve(&Tls::self_signed(&[]).unwrap()).await;
    let config = Arc::new(tls::config());
    for scheme in ["http", "https"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("{scheme}://me:p%40ss@{}", listener.local_addr().unwrap());
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            match scheme {
                "http" => make_tunnel(stream).await,
                _ => make_tunnel(acceptor.accept(stream).await.unwrap()).await,
            }
        });
        let transport = HttpTransport::new(HttpOptions {
            proxy: Some(proxy),
            insecure: true,
            ..HttpOptions::default()
        })
        .unwrap();
        let url = format!("https://127.0.0.1:{port}/x");
        for _ in 0..2 {
            let answer = answered(transport.send(&post(&url, &[], b"hi")).await);
            assert_eq!(&answer.body[..], b"hi", "{scheme}");
        }
        drop(transport);
        let head = server.await.unwrap();
        assert!(
            head.starts_with(&format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n")),
            "{head}"
        );
        assert!(head.contains("Proxy-Authorization: Basic bWU6cEBzcw==\r\n"), "{head}");
    }
}

#[tokio::test]
async fn a_proxys_credentials_are_not_shown_when_it_makes_no_tunnel() {
    for (answer, part) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "proxy authorization required",
        ),
        ("HTTP/1.1 407 \u{1b}[31m\r\n\r\n", "unsuccessful"),
        ("SSH-2.0-x\r\n\r\n", "unsuccessful"),
        ("", "unexpected end of file"),
    ] {
        let (address, _server) = raw(answer).await;
        let transport = through(&format!("http://me:hunter2@{address}")).unwrap();
        let (kind, text) = failed(transport.send(&post("https://example.invalid/", &[], b"")).await);
        assert_eq!(kind, ErrorKind::Connect, "{text}");
        assert!(text.ends_with(part) && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_policy_that_is_not_open_to_every_address_uses_no_proxy() {
    let (address, _server) = raw(OK).await;
    let transport = HttpTransport::new(HttpOptions {
        proxy: Some(address.to_string()),
        addresses: AddressPolicy::Public,
        ..HttpOptions::default()
    })
    .unwrap();
    let name = format!("{}.invalid", "a".repeat(64));
    let (kind, text) = failed(transport.send(&post(&format!("http://{name}/"), &[], b"")).await);
    assert_eq!(kind, ErrorKind::Dns, "{text}");
}

#[tokio::test]
async fn the_environments_proxy_carries_what_is_not_loopback() {
    let (address, server) = raw(OK).await;
    let proxy = format!("http://{address}");
    let settings = from_env(&[("HTTP_PROXY", &proxy), ("NO_PROXY", "spared.invalid")]);
    let is_proxied = |url: &str| settings.is_proxied(&Url::parse(url).unwrap(), AddressPolicy::Any);
    assert!(is_proxied("http://example.invalid/"));
    assert!(!is_proxied("http://127.0.0.1:9/") && !is_proxied("http://localhost/") && !is_proxied("http://[::1]/"));

    let transport = HttpTransport::with_settings(settings);
    let (port, _held) = closed_port();
    let (_, text) = failed(
        transport
            .send(&post(&format!("http://127.0.0.1:{port}/"), &[], b""))
            .await,
    );
    assert_eq!(text, format!("connection refused by 127.0.0.1:{port}"));
    let spared = format!("http://{}.spared.invalid/", "a".repeat(64));
    let (kind, text) = failed(transport.send(&post(&spared, &[], b"")).await);
    assert_eq!(kind, ErrorKind::Dns, "{text}");
    answered(transport.send(&post("http://example.invalid/", &[], b"")).await);
    assert!(
        server
            .await
            .unwrap()
            .starts_with("POST http://example.invalid/ HTTP/1.1")
    );
}

#[test]
fn without_variables_nothing_is_proxied() {
    let is_proxied =
        |settings: TransportSettings, url: &str| settings.is_proxied(&Url::parse(url).unwrap(), AddressPolicy::Any);
    let (http, https) = ("http://example.invalid/", "https://example.invalid/");
    assert!(!is_proxied(from_env(&[]), http));
    assert!(!is_proxied(from_env(&[("HTTP_PROXY", "")]), http));
    assert!(!is_proxied(from_env(&[("http_proxy", "proxy.invalid:8080")]), https));
    assert!(is_proxied(from_env(&[("https_proxy", "proxy.invalid:8080")]), https));
    assert!(is_proxied(from_env(&[("all_proxy", "proxy.invalid:8080")]), http));
}

#[tokio::test]
async fn an_unusable_proxy_of_the_environment_matters_only_where_it_is_needed() {
    let transport = HttpTransport::with_settings(from_env(&[("ALL_PROXY", "socks5://me:hunter2@127.0.0.1")]));
    let (kind, text) = failed(transport.send(&post("http://example.invalid/", &[], b"")).await);
    assert_eq!(kind, ErrorKind::Connect);
    assert_eq!(
        text,
        "the environment variable `ALL_PROXY` is not the URL of an HTTP proxy"
    );
    let (address, _server) = raw(OK).await;
    answered(transport.send(&post(&format!("http://{address}/"), &[], b"")).await);
}

#[test]
fn a_bad_proxy_is_not_shown() {
    let error = through("socks5://me:hunter2@127.0.0.1").err().unwrap().to_string();
    assert_eq!(error, "the given proxy is not the URL of an HTTP proxy");
}
