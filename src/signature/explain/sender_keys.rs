//! Keys that the sender made of its secret by mistake: with a text around it, encoded, or without a secret.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::context::SearchContext;
use super::html_escapes;
use super::key_kinds::called;
use super::mistake::{Change, KeyChange, Mistake, Rank, mistake};
use super::secret_cleanup::{QUOTES, name_of_blank};
use crate::secret::Secret;

/// What programs make of a secret that is not set.
const UNSET: [(&str, &str); 20] = [
    ("", "an empty text"),
    ("undefined", "`undefined`"),
    ("null", "`null`"),
    ("None", "`None`"),
    ("nil", "`nil`"),
    ("false", "`false`"),
    ("[object Object]", "`[object Object]`"),
    ("[object Promise]", "`[object Promise]`"),
    ("NULL", "`NULL`"),
    ("<nil>", "`<nil>`"),
    ("NaN", "`NaN`"),
    ("0", "`0`"),
    ("\"\"", "two quotes"),
    ("''", "two quotes"),
    ("secret", "the word `secret`"),
    ("SECRET", "the word `SECRET`"),
    ("changeme", "the word `changeme`"),
    ("test", "the word `test`"),
    ("your-secret", "`your-secret`"),
    ("your_webhook_secret", "`your_webhook_secret`"),
];

/// How many of these are frequent.
const USUALLY_UNSET: usize = 7;

/// The sender's secret has something that the one here has not.
pub(super) fn with_text_around(context: &SearchContext<'_>, secret: &Secret, found: &mut Vec<KeyChange>) {
    let (text, name) = (secret.expose(), called(secret));
    let mut add = |rank, before: &str, after: &str, said: Mistake| {
        let longer = [before.as_bytes(), text, after.as_bytes()].concat();
        if let Some(key) = context.key(&Secret::new(longer)) {
            found.push(Change::new(rank, key, said));
        }
    };
    for (before, after) in [
        ("", "\n"),
        ("", "\r\n"),
        ("", " "),
        (" ", ""),
        ("", "\t"),
        (" ", " "),
        ("\n", ""),
        ("", "\n\n"),
    ] {
        let what = name_of_blank([before, after].concat().as_bytes());
        let said = format!("the sender's secret has {what} at an end that {name} has not");
        let hint = "set the secret again at the sender, without it";
        add(Rank::Common, before, after, mistake("secret-whitespace", said, hint));
    }
    for (open, close) in &QUOTES[..5] {
        let said = format!("the sender signs with quotes around {name}");
        let hint = "set the secret again at the sender, without quotes";
        let said = mistake("secret-quotes", said, hint);
        add(Rank::Common, open, close, said.clone());
        add(Rank::Rare, open, &format!("{close}\n"), said);
    }
    let said = format!("the sender signs with Python's `b'...'` around {name}: its bytes were not decoded");
    let hint = "the sender must give the secret's bytes, not `str(bytes)`";
    add(Rank::Sometimes, "b'", "'", mistake("secret-quotes", said, hint));
    // A NUL byte is none of them: HMAC fills its key up with such bytes.
    for (before, after) in [("\u{feff}", ""), ("", "\u{200b}")] {
        let said = format!("the sender's secret has an invisible character that {name} has not");
        let hint = "set the secret again at the sender, without invisible characters";
        add(Rank::Sometimes, before, after, mistake("secret-whitespace", said, hint));
    }
    encoded_by_sender(context, text, &name, found);
    if let Some(reference) = secret.name() {
        reference_as_key(context, text, reference, &name, found);
    }
}

/// The sender's program encoded the secret's text before it became a key.
fn encoded_by_sender(context: &SearchContext<'_>, text: &[u8], name: &str, found: &mut Vec<KeyChange>) {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let words = std::str::from_utf8(text).unwrap_or_default();
    let texts = [
        (percent_encode(text, KEPT).to_string(), "percent-encoded, as in a URL"),
        (html_escapes::escape(words, Some("&#39;")), "escaped for HTML"),
        (html_escapes::escape(words, Some("&#039;")), "escaped for HTML"),
    ];
    for (encoded, how) in texts {
        let said = format!("the sender signs with {name} {how}");
        let hint = "the sender must use the secret as it was made";
        if let Some(key) = context.key(&Secret::new(encoded)) {
            found.push(Change::new(Rank::Rare, key, mistake("secret-encoding", said, hint)));
        }
    }
}

/// The sender's key is the text of a reference to the secret, or has the variable's name in it.
fn reference_as_key(context: &SearchContext<'_>, text: &[u8], reference: &str, name: &str, found: &mut Vec<KeyChange>) {
    let variable = reference.split_once(':').map_or(reference, |(_, variable)| variable);
    for before in [format!("{variable}="), "Bearer ".to_owned()] {
        let said = format!("the sender signs with `{before}` before {name}");
        let said = mistake(
            "secret-prefix",
            said,
            "set the secret alone at the sender, without a text before it",
        );
        if let Some(key) = context.key(&Secret::new([before.as_bytes(), text].concat())) {
            found.push(Change::new(Rank::Rare, key, said));
        }
    }
    let texts = [
        reference.to_owned(),
        variable.to_owned(),
        format!("${variable}"),
        format!("${{{variable}}}"),
        format!("$({variable})"),
        format!("${{{{ secrets.{variable} }}}}"),
        format!("process.env.{variable}"),
        format!("process.env['{variable}']"),
        format!("process.env[\"{variable}\"]"),
        format!("os.environ['{variable}']"),
        format!("os.environ[\"{variable}\"]"),
        format!("os.getenv('{variable}')"),
        format!("os.getenv(\"{variable}\")"),
        format!("getenv('{variable}')"),
        format!("env('{variable}')"),
        format!("env(\"{variable}\")"),
        format!("ENV['{variable}']"),
        format!("ENV[\"{variable}\"]"),
        format!("{{{{{variable}}}}}"),
        format!("{{{{ {variable} }}}}"),
        format!("{{{variable}}}"),
        format!("<{variable}>"),
        format!("%{variable}%"),
        format!("%({variable})s"),
        format!("@{variable}@"),
        format!("$env:{variable}"),
        format!("YOUR_{variable}"),
        format!("<YOUR_{variable}>"),
    ];
    for text in texts {
        let said =
            format!("the sender's key is the text of a reference, such as `{reference}`, not the secret behind it");
        let hint = "give the sender the secret itself, not its reference";
        if let Some(key) = context.key(&Secret::new(text)) {
            found.push(Change::new(Rank::Rare, key, mistake("secret-reference", said, hint)));
        }
    }
}

/// What senders sign with that have no secret.
pub(super) fn unset(found: &mut Vec<KeyChange>) {
    for (index, (text, shown)) in UNSET.into_iter().enumerate() {
        let said = format!("the sender's secret is not set: its key is {shown}");
        let hint = "set the secret at the sender: its variable or setting is not there";
        let said = mistake("secret-not-set", said, hint);
        let rank = if index < USUALLY_UNSET {
            Rank::Sometimes
        } else {
            Rank::Rare
        };
        found.push(Change::new(rank, text.as_bytes().to_vec(), said));
    }
}
