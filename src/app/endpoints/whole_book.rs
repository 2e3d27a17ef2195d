//! A whole book, moved by a file.

use std::path::Path;

use super::{EndpointEvent, Endpoints, differences};
use crate::encryption::{self, VARIABLE};
use crate::endpoints::{AbsentSecret, Imported, WholeBook};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::check_owner;
use crate::shell::quote;
use crate::text::count;

impl Endpoints<'_> {
    /// The whole book as the text of a file, and how many endpoints it has. Secrets that are left out are named in notices.
    pub fn export_book(&self) -> Result<(String, usize)> {
        if self.store.remote().is_some() {
            let what = "`--book` is for the local book: a provider keeps its endpoints itself";
            return Err(Error::usage(what).hint("leave out `--remote`, or `--book`"));
        }
        let (whole, absent) = self.store.book().whole()?;
        if whole.endpoints.is_empty() {
            return Err(Error::nothing("there are no endpoints to export").hint("`hook endpoints add` makes one"));
        }
        self.warn_of_absent(&absent, "is left out");
        if !absent.is_empty() && encryption::reference().is_none() {
            let hint = format!("secrets are exported encrypted only: set `{VARIABLE}`, and export to another file");
            self.context.notices.hint(hint);
        }
        Ok((whole.to_text()?, whole.endpoints.len()))
    }

    /// Takes the whole book in that file into the local one: all of it, or nothing.
    pub fn import_book(&self, file: &Path, replace: bool) -> Result<()> {
        let (context, book) = (self.context, self.store.book());
        check_owner(file).map_err(|error| {
            let what = format!("book `{}` cannot be read", file.display());
            Error::new(Exit::Usage, what).cause(error)
        })?;
        let whole = WholeBook::read(file)?;
        let Imported {
            added,
            replaced,
            unchanged,
            absent,
        } = book.take_in(&whole, replace, &context.random)?;
        let details = |endpoint| {
            let mut details = context.endpoint_details(book, endpoint);
            details.findings = Some(Vec::new());
            Box::new(details)
        };
        for endpoint in &added {
            (self.on)(EndpointEvent::Added(details(endpoint)))?;
        }
        for (before, after) in &replaced {
            (self.on)(EndpointEvent::Updated(details(after), differences(before, after)))?;
        }
        for endpoint in &unchanged {
            (self.on)(EndpointEvent::Updated(details(endpoint), Vec::new()))?;
        }
        self.warn_of_absent(&absent, "is not on this machine");
        for AbsentSecret { endpoint, .. } in &absent {
            let hint = format!(
                "`hook endpoints rotate-secret {} --secret env:VAR` gives it",
                quote(endpoint)
            );
            context.notices.hint(hint);
        }
        let all = count((added.len() + replaced.len() + unchanged.len()) as u64, "endpoint");
        let (added, replaced, unchanged) = (added.len(), replaced.len(), unchanged.len());
        context.notices.note(format!(
            "{all} imported: {added} added, {replaced} replaced, {unchanged} unchanged"
        ));
        Ok(())
    }

    fn warn_of_absent(&self, absent: &[AbsentSecret], what: &str) {
        for AbsentSecret { endpoint, secret } in absent {
            let text = format!("the secret `stored:{secret}` of endpoint `{endpoint}` {what}");
            self.context.notices.warn(text);
        }
    }
}
