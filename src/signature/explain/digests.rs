//! Hashes that senders use, keyed or not, also those that no scheme of a provider file has.

use std::borrow::Cow;

use hmac::{KeyInit, Mac as _};
use sha2::Digest as _;

use crate::signature::{Algorithm, Scheme, same};

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// How key and content become a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MacKind {
    /// As the scheme says.
    Scheme,
    /// The content is the key, and the secret is what is signed.
    Swapped,
    /// A hash of the secret, the separator and the content, without HMAC.
    SecretFirst(&'static str),
    /// The same with the secret at the end.
    SecretLast(&'static str),
    /// The same with the secret at both ends.
    SecretAround,
    /// A hash of the content without any secret.
    NoSecret,
    /// A hash of the HMAC, or of its hex text.
    Hashed,
    HashedHex,
    /// HMAC of the hex text of the HMAC, or of its bytes.
    Twice,
    TwiceOverBytes,
    /// As the scheme says, over a hash of the content; in hex or not.
    OfHash(Digest, bool),
}

/// Calls a generic function with the type of a hash.
macro_rules! with_hash {
    ($digest:expr, $call:ident($($argument:expr),*)) => {
        match $digest {
            Digest::Md5 => $call::<md5::Md5>($($argument),*),
            Digest::Sha1 => $call::<sha1::Sha1>($($argument),*),
            Digest::Sha224 => $call::<sha2::Sha224>($($argument),*),
            Digest::Sha256 => $call::<sha2::Sha256>($($argument),*),
            Digest::Sha384 => $call::<sha2::Sha384>($($argument),*),
            Digest::Sha512 => $call::<sha2::Sha512>($($argument),*),
        }
    };
}

fn plain<D: sha2::Digest>(pieces: &[Cow<'_, [u8]>]) -> Vec<u8> {
    let mut hash = D::new();
    for piece in pieces {
        hash.update(piece);
    }
    hash.finalize().to_vec()
}

impl Digest {
    pub(super) const ALL: [Self; 6] = [
        Self::Sha256,
        Self::Sha1,
        Self::Sha512,
        Self::Md5,
        Self::Sha384,
        Self::Sha224,
    ];

    pub(super) fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1,
            Algorithm::Sha256 => Self::Sha256,
            Algorithm::Sha512 => Self::Sha512,
        }
    }

    /// The hash of a scheme that has one secret.
    pub(super) fn own(scheme: &Scheme) -> Option<Self> {
        match scheme {
            Scheme::Hmac(scheme) => Some(Self::of(scheme.algorithm)),
            Scheme::Hash(scheme) => Some(Self::of(scheme.algorithm)),
            Scheme::Asymmetric(_) | Scheme::Token(_) | Scheme::Unsigned => None,
        }
    }

    /// How many bytes it gives.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    pub(super) fn hash(self, pieces: &[Cow<'_, [u8]>]) -> Vec<u8> {
        with_hash!(self, plain(pieces))
    }

    pub(super) fn hmac(self, key: &[u8], pieces: &[Cow<'_, [u8]>]) -> Vec<u8> {
        // The generic type of `hmac` needs bounds that cannot be written for all hashes at once.
        macro_rules! mac {
            ($hash:ty) => {{
                let Ok(mut mac) = hmac::Hmac::<$hash>::new_from_slice(key) else {
                    return Vec::new();
                };
                for piece in pieces {
                    mac.update(piece);
                }
                mac.finalize().into_bytes().to_vec()
            }};
        }
        match self {
            Self::Md5 => mac!(md5::Md5),
            Self::Sha1 => mac!(sha1::Sha1),
            Self::Sha224 => mac!(sha2::Sha224),
            Self::Sha256 => mac!(sha2::Sha256),
            Self::Sha384 => mac!(sha2::Sha384),
            Self::Sha512 => mac!(sha2::Sha512),
        }
    }
}

impl MacKind {
    /// The signature of the content. `keyed`: whether the scheme itself uses HMAC.
    pub(super) fn sign(self, digest: Digest, keyed: bool, key: &[u8], pieces: &[Cow<'_, [u8]>]) -> Vec<u8> {
        let between = |before: &[u8], separator: &str, after: &[u8]| {
            digest.hash(&[before.into(), separator.as_bytes().into(), after.into()])
        };
        match self {
            Self::Scheme if keyed => digest.hmac(key, pieces),
            Self::Scheme | Self::NoSecret => digest.hash(pieces),
            Self::Swapped => digest.hmac(&pieces.concat(), &[key.into()]),
            Self::SecretFirst(separator) => between(key, separator, &pieces.concat()),
            Self::SecretLast(separator) => between(&pieces.concat(), separator, key),
            Self::SecretAround => digest.hash(&[key.into(), pieces.concat().into(), key.into()]),
            Self::Hashed => digest.hash(&[digest.hmac(key, pieces).into()]),
            Self::HashedHex => digest.hash(&[hex::encode(digest.hmac(key, pieces)).into_bytes().into()]),
            Self::Twice => digest.hmac(key, &[hex::encode(digest.hmac(key, pieces)).into_bytes().into()]),
            Self::TwiceOverBytes => digest.hmac(key, &[digest.hmac(key, pieces).into()]),
            Self::OfHash(..) => digest.hmac(key, &[self.content(pieces).into()]),
        }
    }

    /// What is signed of the pieces.
    pub(super) fn content(self, pieces: &[Cow<'_, [u8]>]) -> Vec<u8> {
        match self {
            Self::OfHash(digest, true) => hex::encode(digest.hash(pieces)).into_bytes(),
            Self::OfHash(digest, false) => digest.hash(pieces),
            _ => pieces.concat(),
        }
    }
}

/// SHA-256, for a secret that was hashed before it became a key.
pub(super) fn sha256(text: &[u8]) -> Vec<u8> {
    sha2::Sha256::digest(text).to_vec()
}

/// Whether the signature is the beginning of the expected one; compared in constant time.
pub(super) fn begins_with(expected: &[u8], signature: &[u8]) -> bool {
    expected
        .get(..signature.len())
        .is_some_and(|beginning| same(beginning, signature))
}

/// Two numbers of 32 bytes as ASN.1 has them.
pub(super) fn der(both: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let bare = &number[number.iter().take_while(|byte| **byte == 0).count().min(31)..];
        let sign: &[u8] = if bare[0] >= 0x80 { &[0] } else { &[] };
        let length = u8::try_from(bare.len() + sign.len()).unwrap_or(0);
        [&[2, length], sign, bare].concat()
    };
    let inner = [integer(&both[..32]), integer(&both[32..])].concat();
    let length = u8::try_from(inner.len()).unwrap_or(0);
    [&[0x30, length], inner.as_slice()].concat()
}
