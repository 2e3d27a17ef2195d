//! `--report`: judged cases in files, and in what GitHub Actions shows.

use std::path::{Path, PathBuf};

use crate::case_report::CaseReport;
use crate::cli::ui::Ui;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::{append_file, check_writable, whole_file, written_identity};
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
    Ok((form, named_file(file)?))
}

/// Refuses `-`: elsewhere it stands for a stream, here it would be the name of a file.
fn named_file(file: &str) -> std::result::Result<PathBuf, String> {
    match file {
        "-" => Err("`-` is not a file: write `/dev/stdout`, or `./-` for a file of that name".to_owned()),
        file => Ok(PathBuf::from(file)),
    }
}

impl ReportArgs {
    /// Whether no file is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Refuses places that cannot be written, before anything runs, and two reports in one file.
    pub(super) fn check(&self) -> Result<()> {
        let mut known = Vec::new();
        for (_, path) in &self.files {
            let shown = shown(path);
            let identity = written_identity(path);
            if known.contains(&identity) {
                return Err(Error::usage(format!("`--report` names the file `{shown}` twice"))
                    .hint("each report needs a file of its own"));
            }
            known.push(identity);
            check_writable(path).map_err(|error| {
                Error::usage(format!("cannot write the report to `{shown}`"))
                    .cause(error)
                    .hint("name a file in a folder that exists and can be written")
            })?;
        }
        Ok(())
    }

    /// Writes the files, and within GitHub Actions the annotations and the summary of the job. What cannot be written is
    /// shown, and stops none of the others. Whether everything was written.
    pub(super) fn write(&self, ui: &Ui, report: &CaseReport) -> bool {
        let mut is_written = true;
        let mut check = |what: &str, path: &Path, written: std::io::Result<()>| {
            if let Err(error) = written {
                let what = format!("cannot write the {what} to `{}`", shown(path));
                ui.error(&Error::internal(what).cause(error));
                is_written = false;
            }
        };
        for (form, path) in &self.files {
            let written = form.text(report).and_then(|text| whole_file(path, text.as_bytes()));
            check("report", path, written);
        }
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if variable("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
            for line in annotations(report) {
                // The runner reads both streams; stdout is for data.
                ui.note_even_if_quiet(&line);
            }
            if let Some(path) = variable("GITHUB_STEP_SUMMARY") {
                let path = Path::new(&path);
                check("job summary", path, append_file(path, summary(report).as_bytes()));
            }
        }
        is_written
    }
}

/// How a run ends whose reports were written or not: what was judged counts more.
pub(super) fn exit_with_reports(exit: Exit, is_written: bool) -> Exit {
    match exit {
        Exit::Ok if !is_written => Exit::Internal,
        exit => exit,
    }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string(), 500)
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
            ("json=-", None),
            ("json=./-", Some((ReportForm::Json, "./-"))),
            ("xml=a", None),
            ("a.xml", None),
        ] {
            let read = report_file(text).ok();
            assert_eq!(read, expected.map(|(form, file)| (form, PathBuf::from(file))), "{text}");
        }
    }
}
