//! What the user sees: data on stdout, everything else on stderr. Nothing else in the program prints.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::log_line::{LogLine, plain};
use crate::app::notice::{Fact, Notice};
pub use crate::config::Output;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::finding::{Finding, Level};
use crate::mask;
use crate::process::CommandOutput;
use crate::text::{harmless_line, printable, printable_lines, write_json};
use crate::view::log_level::LogLevel;
use crate::view::progress::StatusLine;
use crate::view::style::{ColorChoice, Style};
use crate::view::{JsonLines, Page, View, WithSchema};

/// The streams of a command, and how data is written to them.
pub struct Ui {
    /// The form of data.
    pub output: Output,
    /// How often `-v` was given.
    pub verbose: u8,
    /// Colours of stdout.
    pub out: Style,
    /// Colours of stderr.
    pub err: Style,
    stdout: Mutex<BufWriter<Box<dyn Write + Send>>>,
    stderr: Mutex<Box<dyn Write + Send>>,
    stderr_terminal: bool,
    stdout_terminal: bool,
    /// Whether stderr has JSON objects too, for programs that collect the output of a service.
    logs: AtomicBool,
    /// Below all lines, where a command has one.
    status: StatusLine,
}

/// Commands print to this process's stderr, since stdout is for hook's data.
pub fn command_output() -> CommandOutput {
    CommandOutput::to(
        || io::stderr().into(),
        |bytes| {
            // It may be closed; the command must not block on a full pipe.
            let _ = io::stderr().write_all(bytes);
        },
    )
}

impl Ui {
    /// The process's own streams.
    pub fn new(output: Output, verbose: u8, color: ColorChoice) -> Self {
        let terminals = [io::stdout().is_terminal(), io::stderr().is_terminal()];
        let styles = terminals.map(|terminal| Style::new(color, terminal));
        Self {
            stdout_terminal: terminals[0],
            stderr_terminal: terminals[1],
            ..Self::onto(
                output,
                verbose,
                styles,
                [Box::new(io::stdout()), Box::new(io::stderr())],
            )
        }
    }

    /// Other streams than the process's: `[stdout, stderr]`.
    pub fn onto(
        output: Output,
        verbose: u8,
        [out, err]: [Style; 2],
        [stdout, stderr]: [Box<dyn Write + Send>; 2],
    ) -> Self {
        Self {
            output,
            verbose,
            out,
            err,
            stdout: Mutex::new(BufWriter::with_capacity(64 * 1024, stdout)),
            stderr: Mutex::new(stderr),
            stderr_terminal: false,
            stdout_terminal: false,
            logs: AtomicBool::new(false),
            status: StatusLine::default(),
        }
    }

    /// Draws a line below all others, after the data that was written since. What is printed next replaces it.
    pub fn status(&self, text: &str) {
        // What cannot be written fails with the next line of data.
        let _ = self.flush();
        self.status.draw(text);
    }

    /// A value, in the form that the user asked for.
    pub fn show(&self, value: &impl View) -> Result<()> {
        match self.output {
            Output::Quiet => Ok(()),
            Output::Json => self.write(|out| value.json(&mut JsonLines(out))),
            Output::Human => {
                let mut page = Page::new(self.out, self.columns());
                page.verbose = self.verbose > 0;
                value.human(&mut page);
                page.lines.iter().try_for_each(|line| self.line(line))
            }
        }
    }

    /// A value that a reader may wait for.
    pub fn show_now(&self, value: &impl View) -> Result<()> {
        self.show(value)?;
        self.flush()
    }

    /// A line of data, in human form only. Characters that could steer a terminal are escaped.
    pub fn line(&self, text: &str) -> Result<()> {
        if self.output != Output::Human {
            return Ok(());
        }
        let text = harmless_line(text, self.out.is_on());
        self.write(|out| out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")))
    }

    /// A JSON object on a line of its own, in JSON form only.
    pub fn json(&self, value: &impl Serialize) -> Result<()> {
        if self.output != Output::Json {
            return Ok(());
        }
        self.write(|out| {
            write_json(&mut *out, value)?;
            out.write_all(b"\n")
        })
    }

    /// Bytes of data in every form, printed unchanged. On a terminal they are escaped.
    pub fn raw(&self, bytes: &[u8]) -> Result<()> {
        if self.stdout_terminal {
            let text = printable_lines(&String::from_utf8_lossy(bytes), usize::MAX);
            return self.write(|out| out.write_all(text.as_bytes()));
        }
        self.write(|out| out.write_all(bytes))
    }

    /// Flushes stdout: after each line that a reader may wait for, and at the end.
    pub fn flush(&self) -> Result<()> {
        self.write(|out| {
            if !out.buffer().is_empty() {
                self.status.erase();
            }
            out.flush()
        })
    }

    /// A remark on stderr; `--quiet` drops it. Credentials in it are masked.
    pub fn note(&self, text: &str) {
        if self.output != Output::Quiet {
            self.remark(LogLevel::Info, "", &mask::text(text));
        }
    }

    /// A remark on stderr that hands over a credential, so nothing in it is masked; `--quiet` drops it.
    pub fn note_unmasked(&self, text: &str) {
        if self.output != Output::Quiet {
            self.remark(LogLevel::Info, "", text);
        }
    }

    /// Like [`Ui::note_unmasked`], but `--quiet` does not drop it.
    pub fn note_even_if_quiet(&self, text: &str) {
        self.remark(LogLevel::Info, "", text);
    }

    /// A remark that only `-v` shows.
    pub fn detail(&self, text: &str) {
        if self.verbose > 0 {
            self.aside(text);
        }
    }

    /// A remark of less weight, in a dim colour.
    pub fn aside(&self, text: &str) {
        if self.output != Output::Quiet {
            self.remark(LogLevel::Debug, "", &self.err.dim(&mask::text(text)));
        }
    }

    /// A warning on stderr.
    pub fn warn(&self, text: &str) {
        if self.output != Output::Quiet {
            self.remark(LogLevel::Warn, &self.err.caution("warning:"), &mask::text(text));
        }
    }

    /// A hint on stderr.
    pub fn hint(&self, text: &str) {
        if self.output != Output::Quiet {
            self.remark(LogLevel::Info, &self.err.name("hint:"), &mask::text(text));
        }
    }

    /// From now on stderr has JSON objects too, if the user asked for JSON.
    pub fn log(&self) {
        self.logs.store(self.output == Output::Json, Ordering::Relaxed);
    }

    /// A notice of a use case, on stderr.
    pub fn tell(&self, notice: &Notice) {
        match notice {
            Notice::Note(text) => self.note(text),
            Notice::Warning(text) => self.warn(text),
            Notice::Hint(text) => self.hint(text),
            Notice::Detail(text) => self.detail(text),
            Notice::Finding(finding) => self.finding(finding),
            Notice::Always(text) => self.note_even_if_quiet(text),
            Notice::Data(fact) => self.fact(fact),
        }
    }

    /// A fact as data where the output is JSON, and as a line for people.
    fn fact(&self, fact: &Fact) {
        // What cannot be written to stdout fails with the next line of data.
        let _ = match fact {
            Fact::Skipped(record) => self.json(&WithSchema {
                schema: "hook.skip/1",
                record,
            }),
            Fact::Disabled(record) => self.json(&WithSchema {
                schema: "hook.endpoint-disabled/1",
                record,
            }),
        };
        match fact {
            Fact::Skipped(skipped) => self.note(&format!(
                "  {:<width$}  skipped: {}",
                skipped.endpoint,
                printable(&skipped.reason, 200),
                width = skipped.width
            )),
            // Deliveries end here, which matters with `--quiet` too.
            Fact::Disabled(disabled) => self.remark(
                LogLevel::Warn,
                &self.err.caution("warning:"),
                &format!(
                    "endpoint `{}` is disabled: {}",
                    disabled.endpoint,
                    printable(&disabled.reason, 200)
                ),
            ),
        }
    }

    fn finding(&self, finding: &Finding) {
        let fact = printable(&finding.fact, 1000);
        match finding.level {
            Level::Ok | Level::Skipped | Level::Note => self.note(&format!("{} {fact}", self.err.dim("note:"))),
            Level::Caution | Level::Unknown | Level::Problem => self.warn(&fact),
        }
        if let Some(hint) = &finding.hint {
            self.hint(&printable(hint, 1000));
        }
    }

    /// An error on stderr, with causes and hints. Never dropped.
    pub fn error(&self, error: &Error) {
        if error.message.is_empty() {
            return;
        }
        // An error may quote a foreign file or response, or a URL with a credential in it.
        let harmless = |text: &str| printable_lines(&mask::text(text), usize::MAX);
        if self.logs.load(Ordering::Relaxed) {
            let all = |texts: &[String]| texts.iter().map(|text| harmless(text)).collect();
            return self.log_line(&LogLine {
                causes: all(&error.causes),
                hints: all(&error.hints),
                ..LogLine::new(LogLevel::Error, harmless(&error.message))
            });
        }
        self.err_line(&format!("{} {}", self.err.bad("error:"), harmless(&error.message)));
        for cause in &error.causes {
            // The TOML reader's causes have several lines with a caret under the fault.
            self.err_line(&format!("caused by: {}", harmless(cause).replace('\n', "\n  ")));
        }
        for hint in &error.hints {
            self.err_line(&format!("{} {}", self.err.name("hint:"), harmless(hint)));
        }
    }

    /// Whether stderr is a terminal that may show progress.
    pub fn shows_progress(&self) -> bool {
        self.stderr_terminal && self.output == Output::Human
    }

    /// Whether data goes to a terminal, so that foreign text must be escaped.
    pub fn stdout_is_terminal(&self) -> bool {
        self.stdout_terminal
    }

    /// How many characters a line of stdout has, when it is a terminal.
    pub fn columns(&self) -> Option<usize> {
        if !self.stdout_terminal {
            return None;
        }
        let size = terminal_size::terminal_size_of(io::stdout())?;
        Some(size.0.0.into())
    }

    /// Whether a prompt can be answered.
    pub fn can_ask(&self) -> bool {
        self.stderr_terminal && io::stdin().is_terminal() && self.output == Output::Human
    }

    /// Whether lines come and go below all others: on a terminal that shows data too.
    pub fn shows_status(&self) -> bool {
        self.shows_progress() && self.stdout_terminal
    }

    /// A line on stderr, behind a coloured word where it has one.
    fn remark(&self, level: LogLevel, word: &str, text: &str) {
        if self.logs.load(Ordering::Relaxed) {
            self.log_line(&LogLine::new(level, plain(text)));
        } else if word.is_empty() {
            self.err_line(text);
        } else {
            self.err_line(&format!("{word} {text}"));
        }
    }

    fn log_line(&self, line: &LogLine) {
        let mut text = Vec::new();
        let schema = "hook.log-line/1";
        // Writing to memory does not fail.
        let _ = write_json(&mut text, &WithSchema { schema, record: line });
        self.err_line(&String::from_utf8_lossy(&text));
    }

    fn err_line(&self, text: &str) {
        // On a terminal both streams share the screen, so buffered data must come first.
        let _ = self.flush();
        let text = harmless_line(text, self.err.is_on());
        self.status.erase();
        let mut stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed stderr leaves no place to report the failure.
        let _ = stderr.write_all(format!("{text}\n").as_bytes());
    }

    fn write(&self, action: impl FnOnce(&mut BufWriter<Box<dyn Write + Send>>) -> io::Result<()>) -> Result<()> {
        let mut out = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have to write out what it holds.
        if out.buffer().len() > out.capacity() / 2 {
            self.status.erase();
        }
        action(&mut out).map_err(|error| match error.kind() {
            // The reader of the pipe has closed it, as `head` does: not a failure.
            io::ErrorKind::BrokenPipe => Error::silent(Exit::Ok),
            _ => Error::internal("stdout cannot be written").cause(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_cannot_steer_a_terminal_and_keeps_its_lines() {
        let page = Captured::default();
        let plain = || Style::new(ColorChoice::Never, false);
        let ui = Ui::onto(
            Output::Quiet,
            0,
            [plain(), plain()],
            [Box::new(Captured::default()), Box::new(page.clone())],
        );
        ui.note("dropped");
        ui.note_even_if_quiet("said");
        let error = Error::usage("`a\u{1b}[31m` is wrong")
            .cause("line 1\n  ^\u{7}")
            .hint("try `\u{202e}b`");
        ui.error(&error);
        let text = page.0.lock().unwrap().clone();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "said\nerror: `a\\u{1b}[31m` is wrong\ncaused by: line 1\n    ^\\u{7}\nhint: try `\\u{202e}b`\n"
        );
    }

    #[test]
    fn bytes_are_escaped_on_a_terminal_and_stay_as_they_are_in_a_pipe() {
        let bytes = b"a\x1b[2J\tb\xff\n";
        for (terminal, shown) in [(true, "a\\u{1b}[2J\tb\u{fffd}\n".as_bytes()), (false, bytes.as_slice())] {
            let (page, plain) = (Captured::default(), Style::new(ColorChoice::Never, false));
            let mut ui = Ui::onto(
                Output::Human,
                0,
                [plain, plain],
                [Box::new(page.clone()), Box::new(Captured::default())],
            );
            ui.stdout_terminal = terminal;
            ui.raw(bytes).unwrap();
            ui.flush().unwrap();
            assert_eq!(*page.0.lock().unwrap(), shown);
        }
    }

    /// What was written.
    #[derive(Clone, Default)]
    struct Captured(std::sync::Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
