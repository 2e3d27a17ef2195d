//! `--report`: judged cases in files, and in what GitHub Actions shows.

use std::io::Write as _;
use std::path::PathBuf;

use crate::case_report::CaseReport;
use crate::cli::ui::Ui;
use crate::error::{Error, Result};
use crate::fs::whole_file;
use crate::text::printable;
use crate::view::case_report::{ReportForm, annotations, summary};

/// Where reports go.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ReportArgs {
    /// Write a report: `junit=FILE`, `tap=FILE`, `json=FILE`, several separated by `,` (can be repeated)
    #[arg(long = "report", value_name = "FORM=FILE,...", value_delimiter = ',', value_parser = report_file)]
    files: Vec<(ReportForm, PathBuf)>,
}

/// Reads `FORM=FILE`.
fn report_file(text: &str) -> std::result::Result<(ReportForm, PathBuf), String> {
    let forms = "write `junit=FILE`, `tap=FILE` or `json=FILE`";
    let (form, file) = text.split_once('=').ok_or_else(|| forms.to_owned())?;
    let form = ReportForm::from_name(form).ok_or_else(|| forms.to_owned())?;
    if file.is_empty() {
        return Err(forms.to_owned());
    }
    Ok((form, PathBuf::from(file)))
}

impl ReportArgs {
    /// Whether no file is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Writes the files, and within GitHub Actions the annotations and the summary of the job.
    pub(super) fn write(&self, ui: &Ui, report: &CaseReport) -> Result<()> {
        for (form, path) in &self.files {
            let written = form.text(report).and_then(|text| whole_file(path, text.as_bytes()));
            written.map_err(|error| unwritable("report", &path.display().to_string(), error))?;
        }
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if variable("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
            return Ok(());
        }
        for line in annotations(report) {
            // The runner reads both streams; stdout is for data.
            ui.note_even_if_quiet(&line);
        }
        if let Some(path) = variable("GITHUB_STEP_SUMMARY") {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
            let written = file.and_then(|mut file| file.write_all(summary(report).as_bytes()));
            written.map_err(|error| unwritable("job summary", &path.to_string_lossy(), error))?;
        }
        Ok(())
    }
}

fn unwritable(what: &str, path: &str, error: std::io::Error) -> Error {
    Error::internal(format!("cannot write the {what} to `{}`", printable(path, 500))).cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_form_and_a_file() {
        for (text, expected) in [
            ("junit=a.xml", Some((ReportForm::Junit, "a.xml"))),
            ("tap=/tmp/b=c", Some((ReportForm::Tap, "/tmp/b=c"))),
            ("json=", None),
            ("xml=a", None),
            ("a.xml", None),
        ] {
            let read = report_file(text).ok();
            assert_eq!(read, expected.map(|(form, file)| (form, PathBuf::from(file))), "{text}");
        }
    }
}
