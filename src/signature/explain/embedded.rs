//! A secret inside of a longer text, or whose base64 is of another form.

use super::mistake::{Mistake, Rank, mistake};

/// A text without one thing that was done to it.
pub(super) struct CleanedSecret {
    pub(super) text: Vec<u8>,
    pub(super) mistake: Mistake,
    pub(super) rank: Rank,
}

pub(super) fn add(all: &mut Vec<CleanedSecret>, rank: Rank, text: impl Into<Vec<u8>>, mistake: Mistake) {
    all.push(CleanedSecret {
        text: text.into(),
        mistake,
        rank,
    });
}

/// Delimiters of a secret inside a longer text, such as a line of a file, JSON or a list.
const AROUND: &str = "\"'`()[]{}<>,;|*\\\u{201c}\u{201d}\u{2018}\u{2019}";

/// Characters after a secret that was copied from a sentence or a terminal.
const BEHIND: [char; 6] = ['.', '%', '$', '#', '!', '?'];

/// Pieces of a text that are looked at, at most, and how short they may be.
const MOST_PIECES: usize = 24;
const SHORTEST_PIECE: usize = 8;

/// The secret as one word of a longer text.
pub(super) fn embedded(text: &[u8], name: &str) -> Vec<CleanedSecret> {
    let mut all = Vec::new();
    let words = std::str::from_utf8(text).unwrap_or_default();
    if words.contains("-----BEGIN") {
        return all;
    }
    let text = format!("{name} has other text around it that is no part of it");
    let said = mistake(
        "secret-prefix",
        text,
        "keep the secret alone, without the text around it",
    );
    let quoted = mistake(
        "secret-quotes",
        format!("{name} has quotes, brackets or other marks around it that are no part of it"),
        "keep the secret alone, without quotes and marks around it",
    );
    let pieces = words.split(|c: char| c.is_whitespace() || AROUND.contains(c));
    for piece in pieces.filter(|piece| piece.len() >= SHORTEST_PIECE).take(MOST_PIECES) {
        let bare = piece.trim_end_matches(BEHIND);
        let after = |mark: char| Some(bare.split_once(mark)?.1).filter(|rest| rest.len() >= SHORTEST_PIECE);
        let candidates = [Some(piece), Some(bare), after('='), after(':'), after('/')];
        for candidate in candidates.into_iter().flatten() {
            let (before, behind) = words.split_once(candidate).unwrap_or_default();
            let marks = |side: &str| !side.trim().is_empty() && !side.contains(char::is_alphanumeric);
            let said = if marks(before) && marks(behind) { &quoted } else { &said };
            add(&mut all, Rank::Rare, candidate, said.clone());
        }
    }
    all
}

/// Base64 whose very text is the key, in the other alphabet or without its padding.
pub(super) fn base64_of_another_form(words: &str, name: &str, all: &mut Vec<CleanedSecret>) {
    let bare = words.trim_end_matches('=');
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    if bare.len() < 16 || !bare.chars().all(is_base64) {
        return;
    }
    let hint = "keep the secret's base64 as it was given: its very text is the key";
    let padding = "=".repeat((4 - bare.len() % 4) % 4);
    let (standard, safe) = (
        bare.replace('-', "+").replace('_', "/"),
        bare.replace('+', "-").replace('/', "_"),
    );
    let padded = |text: &str| format!("{text}{padding}");
    let ways = [
        (padded(bare), "lost its padding, the `=` at its end"),
        (
            padded(&standard),
            "is base64 in the URL-safe alphabet, and the other signed",
        ),
        (
            padded(&safe),
            "is base64 in the standard alphabet, and the URL-safe one signed",
        ),
    ];
    for (text, is) in ways {
        add(
            all,
            Rank::Rare,
            text,
            mistake("secret-encoding", format!("{name} {is}"), hint),
        );
    }
}
