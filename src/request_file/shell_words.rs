//! The words of shell commands, without running any of them: quotes, `$'...'`, continued lines, and the carets of `cmd.exe`.

use std::iter::Peekable;
use std::str::Chars;

use crate::error::{Error, Result};

/// The commands of a script, each as its words.
pub(super) fn commands(text: &str) -> Result<Vec<Vec<String>>> {
    let text = text.replace("\r\n", "\n");
    let has_carets = has_carets(&text);
    let doubles_quotes = !has_carets && doubles_quotes(&text);
    let text = if has_carets { without_carets(&text) } else { text };
    let mut reader = WordReader {
        rest: text.chars().peekable(),
        expands: !has_carets && !doubles_quotes,
        doubles_quotes,
        word: None,
        words: Vec::new(),
        commands: Vec::new(),
        is_redirected: false,
    };
    reader.read()?;
    Ok(reader.commands)
}

/// Whether the text was written for `cmd.exe`: a caret precedes its first quote or ends its first line.
fn has_carets(text: &str) -> bool {
    let before_quote = text.split(['"', '\'']).next().unwrap_or_default();
    let first_line = text.lines().next().unwrap_or_default();
    before_quote.ends_with('^') || first_line.ends_with('^') && !first_line.contains('\'')
}

/// Whether the text was written for `cmd.exe` without carets, as older versions of Firefox do: a quote inside of quotes is
/// written twice, which a POSIX shell would take for nothing.
fn doubles_quotes(text: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace() && c != '"');
    let mut pairs = text.match_indices("\"\"");
    let is_posix = [" '", " $'"].iter().any(|quote| text.contains(quote));
    !is_posix
        && pairs.any(|(at, pair)| {
            is_part(text[..at].chars().next_back()) && is_part(text[at + pair.len()..].chars().next())
        })
        || text.contains("\"^\n\n\"")
}

/// The text without the carets that quote characters for `cmd.exe`.
fn without_carets(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('^', Some('\n')) => {
                rest.next();
                // An empty line behind a caret is a newline of the text; without one, the line goes on.
                if rest.next_if_eq(&'\n').is_some() {
                    plain.push('\n');
                }
            }
            ('^', Some(_)) => plain.extend(rest.next()),
            _ => plain.push(c),
        }
    }
    plain
}

struct WordReader<'t> {
    rest: Peekable<Chars<'t>>,
    /// Whether `$NAME` and backquotes mean something.
    expands: bool,
    /// Whether two quotes inside of quotes are one that is no end.
    doubles_quotes: bool,
    word: Option<Vec<u8>>,
    words: Vec<String>,
    commands: Vec<Vec<String>>,
    /// Behind `>` or `<`, nothing is an argument any more.
    is_redirected: bool,
}

impl WordReader<'_> {
    fn read(&mut self) -> Result<()> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(c) => self.push(c),
                },
                '^' if self.doubles_quotes => {
                    let escaped = self.rest.next();
                    // An empty line behind a caret is a newline of the text.
                    let is_newline = escaped == Some('\n');
                    if let Some(c) = escaped.filter(|_| !is_newline || self.rest.next_if_eq(&'\n').is_some()) {
                        self.push(c);
                    }
                }
                '\'' if !self.doubles_quotes => self.single_quoted()?,
                '"' => self.double_quoted()?,
                '$' if self.expands && self.rest.next_if_eq(&'\'').is_some() => self.ansi_quoted()?,
                '$' | '`' => self.expansion(c)?,
                '#' if self.word.is_none() => while self.rest.next_if(|c| *c != '\n').is_some() {},
                '\n' | ';' | '|' | '&' => self.end_command(),
                '>' | '<' => {
                    self.end_word();
                    self.is_redirected = true;
                }
                c if c.is_whitespace() => self.end_word(),
                c => self.push(c),
            }
        }
        self.end_command();
        Ok(())
    }

    fn push(&mut self, c: char) {
        let word = self.word.get_or_insert_default();
        word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take().filter(|_| !self.is_redirected) {
            self.words.push(String::from_utf8_lossy(&word).into_owned());
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.is_redirected = false;
        if !self.words.is_empty() {
            self.commands.push(std::mem::take(&mut self.words));
        }
    }

    fn single_quoted(&mut self) -> Result<()> {
        self.word.get_or_insert_default();
        loop {
            match self.rest.next().ok_or_else(|| unclosed("'"))? {
                '\'' => return Ok(()),
                c => self.push(c),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<()> {
        self.word.get_or_insert_default();
        loop {
            match self.rest.next().ok_or_else(|| unclosed("\""))? {
                '"' if self.doubles_quotes && self.rest.next_if_eq(&'"').is_some() => self.push('"'),
                '"' => return Ok(()),
                '\\' => match self.rest.next() {
                    Some('\n') | None => {}
                    Some(c @ ('"' | '\\' | '$' | '`')) => self.push(c),
                    Some(c) => {
                        self.push('\\');
                        self.push(c);
                    }
                },
                c @ ('$' | '`') => self.expansion(c)?,
                c => self.push(c),
            }
        }
    }

    /// A shell would put something else there: a variable's value, or the output of a command.
    fn expansion(&mut self, c: char) -> Result<()> {
        let starts = |c: &char| c.is_ascii_alphabetic() || matches!(c, '_' | '{' | '(');
        if self.expands && (c == '`' || self.rest.peek().is_some_and(starts)) {
            let name: String = self
                .rest
                .clone()
                .take_while(|c| !c.is_whitespace() && *c != '"')
                .take(40)
                .collect();
            let fact = format!("the command uses the shell expansion `{c}{name}`, which is not executed");
            return Err(Error::usage(fact).hint("write its value in its place"));
        }
        self.push(c);
        Ok(())
    }

    /// `$'...'`, which browsers write for bodies with line breaks or other characters than ASCII.
    fn ansi_quoted(&mut self) -> Result<()> {
        self.word.get_or_insert_default();
        let mut bytes = Vec::new();
        loop {
            let c = self.rest.next().ok_or_else(|| unclosed("$'"))?;
            let escaped = match c {
                '\\' => self.rest.next(),
                _ => None,
            };
            if escaped != Some('x') {
                self.take_bytes(&mut bytes);
            }
            match (c, escaped) {
                ('\'', _) => return Ok(()),
                ('\\', Some('x')) => bytes.push(u8::try_from(self.number(16, 2)).unwrap_or_default()),
                ('\\', Some('u')) => self.unicode(4),
                ('\\', Some('U')) => self.unicode(8),
                ('\\', Some(c)) => self.push(match c {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'a' => '\x07',
                    'b' => '\x08',
                    'e' | 'E' => '\x1b',
                    'f' => '\x0c',
                    'v' => '\x0b',
                    c => c,
                }),
                (c, _) => self.push(c),
            }
        }
    }

    /// Bytes of `\xHH` in a row. Shells take them as bytes. Firefox writes a character below U+0100 in that way, so bytes that
    /// are no UTF-8 are such characters.
    fn take_bytes(&mut self, bytes: &mut Vec<u8>) {
        match std::str::from_utf8(bytes) {
            Ok(_) => self.word.get_or_insert_default().append(bytes),
            Err(_) => bytes.drain(..).for_each(|byte| self.push(char::from(byte))),
        }
    }

    /// A `\uHHHH`: browsers write a character above U+FFFF as two of them.
    fn unicode(&mut self, digits: usize) {
        let first = self.number(16, digits);
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) {
            let mut ahead = self.rest.clone();
            if ahead.next() == Some('\\') && ahead.next() == Some('u') {
                self.rest = ahead;
                units.push(self.number(16, 4));
            }
        }
        let pair: Vec<u16> = units.iter().filter_map(|unit| u16::try_from(*unit).ok()).collect();
        match char::from_u32(first) {
            Some(c) => self.push(c),
            None => char::decode_utf16(pair).for_each(|c| self.push(c.unwrap_or(char::REPLACEMENT_CHARACTER))),
        }
    }

    fn number(&mut self, radix: u32, most: usize) -> u32 {
        let mut value: u32 = 0;
        for _ in 0..most {
            let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(radix)) else {
                break;
            };
            self.rest.next();
            value = value.wrapping_mul(radix).wrapping_add(digit);
        }
        value
    }
}

fn unclosed(quote: &str) -> Error {
    Error::usage(format!("the command has an unclosed `{quote}`")).hint("copy the whole command")
}
