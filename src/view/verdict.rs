//! The verdict on a request.

use std::io;

use crate::app::verify::VerifyReport;
use crate::signature::Verdict;
use crate::view::{JsonLines, Page, View};

impl View for VerifyReport {
    fn human(&self, page: &mut Page) {
        let style = page.style;
        let name = format!("{}:", self.verdict);
        let mut line = match &self.judged {
            Verdict::Verified(_) => style.good(&name),
            Verdict::TokenOnly(_) => style.good("token only:"),
            Verdict::Refused(_) => style.bad(&name),
            Verdict::Unsigned | Verdict::Unchecked => style.caution(&name),
        };
        if let Some(label) = &self.provider {
            line = format!("{line} {}", style.name(label));
        }
        if let Some(detail) = &self.detail {
            // Without a provider the colon after the verdict is there already.
            let joint = self.provider.as_ref().map_or("", |_| self.judged.joint());
            line = format!("{line}{joint} {detail}");
        }
        page.line(line);
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.verdict/1", self)
    }
}
