//! Other hashes than the scheme's own.

use super::context::SearchContext;
use super::digests::{Digest, MacKind};
use super::mistake::{Change, Mistake, Rank, Sink, mistake};
use crate::signature::Scheme;
use crate::template::{Part, Placeholder, Template};

/// Between secret and content in a hash without HMAC.
const SEPARATORS: [&str; 11] = ["", ":", ".", "|", "\n", "&", "-", " ", "_", ",", "/"];

/// Hashes that a sender may sign in place of the content.
const INNER: [Digest; 4] = [Digest::Sha256, Digest::Sha512, Digest::Sha1, Digest::Md5];

/// A hash of secret and content without HMAC, HMAC with its arguments swapped, or another hash before or after it.
pub(super) fn changes(context: &SearchContext<'_>, sink: Sink<'_, (MacKind, Template)>) -> bool {
    let body = Template::of(vec![Part::Placeholder(Placeholder::Body)]);
    let own = &context.content;
    let keyed = match context.case.scheme {
        Scheme::Hmac(scheme) => keyed(Digest::of(scheme.algorithm)),
        Scheme::Asymmetric(_) => Vec::new(),
        _ => return false,
    };
    let contents = [own.clone(), body.clone()];
    contents.into_iter().any(|content| {
        keyed
            .iter()
            .any(|(kind, rank, said)| sink(Change::new(*rank, (*kind, content.clone()), said.clone())))
    }) || *own != body && hashed_before(own, sink)
}

/// What a sender with a shared secret may do in place of HMAC.
fn keyed(own: Digest) -> Vec<(MacKind, Rank, Mistake)> {
    let hint = format!("the sender must use HMAC with {}, keyed with the secret", own.name());
    let plain = mistake(
        "plain-hash",
        "the sender hashes secret and body one after the other, which is no HMAC",
        hint.clone(),
    );
    let open = mistake(
        "plain-hash",
        "the sender sends a hash of the body without any secret, which everybody can make",
        hint,
    );
    let swapped = mistake(
        "arguments-swapped",
        "the sender calls HMAC with its arguments swapped: it is keyed with the body",
        "the sender must give the secret as the key of HMAC and the content as its data: mind the order of the arguments",
    );
    let again = |text: &'static str| {
        let hint = "the sender must send what HMAC gives, in the form of the header, and hash it no more";
        mistake("wrong-hash", text, hint)
    };
    let mut all = Vec::new();
    for with in SEPARATORS {
        let rank = if with.is_empty() { Rank::Sometimes } else { Rank::Rare };
        all.push((MacKind::SecretFirst(with), rank, plain.clone()));
        all.push((MacKind::SecretLast(with), rank, plain.clone()));
    }
    all.extend([
        (MacKind::SecretAround, Rank::Rare, plain),
        (MacKind::NoSecret, Rank::Rare, open),
        (MacKind::Swapped, Rank::Rare, swapped),
        (
            MacKind::Hashed,
            Rank::Rare,
            again("the sender hashes the HMAC once more before it sends it"),
        ),
        (
            MacKind::HashedHex,
            Rank::Rare,
            again("the sender hashes the hex text of the HMAC once more"),
        ),
        (
            MacKind::Twice,
            Rank::Rare,
            again("the sender calls HMAC twice, the second time over the hex text of the first"),
        ),
        (
            MacKind::TwiceOverBytes,
            Rank::Rare,
            again("the sender calls HMAC twice, the second time over the bytes of the first"),
        ),
    ]);
    all
}

/// The content was hashed before it was signed.
fn hashed_before(content: &Template, sink: Sink<'_, (MacKind, Template)>) -> bool {
    INNER.into_iter().any(|digest| {
        [(true, "in hex"), (false, "as bytes")].into_iter().any(|(in_hex, form)| {
            let said = format!("the sender signs a hash of what is to be signed, {} {form}, not that itself", digest.name());
            let hint = "sign the content itself: the signature's own algorithm hashes it, so that its bytes are hashed twice";
            let kind = MacKind::OfHash(digest, in_hex);
            sink(Change::new(Rank::Rare, (kind, content.clone()), mistake("body-hashed", said, hint)))
        })
    })
}
