//! The verdict on a request.

use crate::app::verify::VerifyReport;
use crate::signature::Verdict;
use crate::view::{JsonRecord, Page};

impl JsonRecord for VerifyReport {
    const SCHEMA: &'static str = "hook.verdict/1";

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
}
