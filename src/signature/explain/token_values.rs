//! Tokens in the value of a header.

use base64::Engine as _;

use crate::signature::encoding::LENIENT_KEY;

/// The tokens that a header's value may have in it: after a word, in quotes, behind a name, in base64.
pub(super) fn within(sent: &[u8]) -> Vec<Vec<u8>> {
    let last = sent.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let quotes = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`');
    let from = last.iter().position(|byte| !quotes(byte)).unwrap_or(0);
    let to = last.iter().rposition(|byte| !quotes(byte)).map_or(0, |at| at + 1);
    let bare = last.get(from..to).unwrap_or_default();
    let after = |text: &[u8], mark: u8| {
        text.iter()
            .position(|byte| *byte == mark)
            .map(|at| text[at + 1..].to_vec())
    };
    let decoded = LENIENT_KEY.decode(bare).ok();
    let password = decoded.as_ref().and_then(|decoded| after(decoded, b':'));
    let texts = [
        Some(last.to_vec()),
        Some(bare.to_vec()),
        after(bare, b'='),
        decoded,
        password,
    ];
    texts.into_iter().flatten().filter(|text| !text.is_empty()).collect()
}
