//! Decompression of bodies, bounded: a small body may inflate to a thousand times its size.

use std::borrow::Cow;

use miniz_oxide::inflate::{DecompressError, decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit};

/// Bytes of a decompressed body that are shown, at most.
const SHOWN: usize = 1024 * 1024;

/// A compressed body, decompressed to `limit` bytes at most; `None` where it is not compressed, or is longer.
pub fn inflated(body: &[u8], limit: usize) -> Option<Vec<u8>> {
    let deflated = |bytes: &[u8]| decompress_to_vec_with_limit(bytes, limit).ok();
    let zlib = || decompress_to_vec_zlib_with_limit(body, limit).ok();
    match body {
        [0x78, ..] => zlib().or_else(|| deflated(body)),
        _ => match in_gzip(body) {
            Some(inside) => deflated(inside),
            // Text is no deflate stream, and most bytes that are none fail at once.
            None if std::str::from_utf8(body).is_err() => deflated(body),
            None => None,
        },
    }
}

/// A body as it is read: what gzip or zlib compressed is decompressed, of a gzip body that was cut off the part that is there.
pub fn readable(body: &[u8]) -> Cow<'_, [u8]> {
    let Some(inside) = in_gzip(body) else {
        // The content encoding `deflate` is zlib's format, which ends in a checksum.
        let is_zlib = body.first() == Some(&0x78) && std::str::from_utf8(body).is_err();
        let text = is_zlib
            .then(|| decompress_to_vec_zlib_with_limit(body, SHOWN).ok())
            .flatten();
        return text.map_or(Cow::Borrowed(body), Cow::Owned);
    };
    match decompress_to_vec_with_limit(inside, SHOWN) {
        Ok(text) => Cow::Owned(text),
        Err(DecompressError { mut output, .. }) => {
            // The rest of the buffer was not reached.
            let end = output.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            output.truncate(end);
            match end {
                0 => Cow::Borrowed(body),
                _ => Cow::Owned(output),
            }
        }
    }
}

/// The deflate stream of a gzip file.
fn in_gzip(body: &[u8]) -> Option<&[u8]> {
    match body {
        [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, rest @ ..] => after_gzip_fields(rest, *flags),
        _ => None,
    }
}

/// What follows the optional fields of a gzip header (RFC 1952).
fn after_gzip_fields(mut rest: &[u8], flags: u8) -> Option<&[u8]> {
    if flags & 4 != 0 {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let end = rest.iter().position(|b| *b == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & 2 == 0 { Some(rest) } else { rest.get(2..) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_read_whole_or_as_far_as_it_came_and_other_bytes_stay() {
        let text = "the signature is wrong, ".repeat(400);
        let mut gzip = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
        gzip.extend(b"name\0");
        gzip.extend(miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 0));
        gzip.extend([0; 8]);
        assert_eq!(readable(&gzip), text.as_bytes());
        let zlib = miniz_oxide::deflate::compress_to_vec_zlib(text.as_bytes(), 6);
        assert_eq!(readable(&zlib), text.as_bytes());
        assert_eq!(readable(&zlib[..zlib.len() - 1]), &zlib[..zlib.len() - 1]);
        let cut = readable(&gzip[..gzip.len() / 2]);
        assert!(!cut.is_empty() && text.as_bytes().starts_with(&cut));
        assert_eq!(inflated(&gzip, 1 << 20).as_deref(), Some(text.as_bytes()));
        assert_eq!(inflated(&gzip, 10), None);
        for plain in ["{}", "", "\u{1f}"] {
            assert_eq!(readable(plain.as_bytes()), plain.as_bytes());
        }
    }
}
