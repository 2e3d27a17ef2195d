//! Settings, file locations, and what a project requests.

use std::io;
use std::path::PathBuf;

use serde_json::json;

use super::{JsonLines, JsonRecord, Page, View};
use crate::app::context::FilePlaces;
use crate::app::trust::TrustRequest;
use crate::config::describe::DescribedSetting;
use crate::store::StorePlace;

/// Every setting as TOML.
pub struct SettingsView<'a>(pub &'a [DescribedSetting]);

impl View for SettingsView<'_> {
    fn human(&self, page: &mut Page) {
        let mut last = "";
        for setting in self.0 {
            let (table, name) = setting.table_and_name();
            if table != last {
                page.line(format!("\n[{table}]"));
                last = table;
            }
            let text = format!("{name} = {}", setting.value);
            let remark = format!("# {}", setting.source.as_deref().unwrap_or(setting.origin));
            let remark = page.style.dim(&remark);
            page.line(match table {
                // A workflow is a whole table on one line: too long to align.
                "workflow" => format!("{text} {remark}"),
                _ => format!("{text:<36} {remark}"),
            });
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.objects("hook.setting/1", self.0)
    }
}

impl JsonRecord for FilePlaces {
    const SCHEMA: &'static str = "hook.paths/1";

    fn human(&self, page: &mut Page) {
        let file = |path: &PathBuf| Some((path.display().to_string(), path.exists()));
        let store = |place: &StorePlace| Some((place.to_string(), place.exists()));
        let rows = [
            ("settings", file(&self.config)),
            ("project", self.project.as_ref().and_then(file)),
            ("providers", file(&self.providers)),
            ("endpoints", store(&self.endpoints)),
            ("ledger", store(&self.ledger)),
            ("state", file(&self.state)),
            ("dev secret", file(&self.dev_secret)),
            ("secrets", file(&self.secrets)),
            ("trust", file(&self.trust)),
        ];
        for (name, found) in rows {
            let Some((path, exists)) = found else {
                let absent = page.style.dim("no `hook.toml` here or above");
                page.line(format!("{name:<12} {absent}"));
                continue;
            };
            let absent = if exists { "" } else { "  (not there yet)" };
            let absent = page.style.dim(absent);
            page.line(format!("{name:<12} {path}{absent}"));
        }
    }
}

impl View for TrustRequest {
    fn human(&self, page: &mut Page) {
        page.lines.extend(self.grants.iter().map(|grant| grant.text.clone()));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let allows: Vec<_> = self.grants.iter().map(|grant| &grant.text).collect();
        lines.object("hook.trust/1", &json!({ "file": self.file, "allows": allows }))
    }
}
