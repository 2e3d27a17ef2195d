//! What `docs/fixes.md` says about a cause: the page is in the program, so that the terminal shows the code of one framework.

/// The page.
const PAGE: &str = include_str!("../../docs/fixes.md");

/// The frameworks of the page, by the name of their heading in lower case.
pub const FRAMEWORKS: [&str; 11] = [
    "express", "flask", "fastapi", "go", "axum", "django", "rails", "laravel", "spring", "aspnet", "lambda",
];

/// The lines of a cause's section that are about a framework.
pub fn fix(cause: &str, framework: &str) -> Vec<String> {
    let mut lines = PAGE
        .lines()
        .skip_while(|line| line.strip_prefix("## ") != Some(cause))
        .skip(1);
    let section: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("## ")).collect();
    let is_own = |line: &&str| {
        line.strip_prefix("### ")
            .is_some_and(|name| name.eq_ignore_ascii_case(framework))
    };
    let code = section
        .iter()
        .skip_while(|line| !is_own(line))
        .skip(1)
        .take_while(|line| !line.starts_with("### "));
    let code: Vec<String> = code
        .map(|line| (*line).to_owned())
        .filter(|line| !line.starts_with("```"))
        .collect();
    let code = trimmed(&code);
    if !code.is_empty() {
        return code;
    }
    // Prose is a list with an entry for each framework.
    let entry = format!("- {framework}:");
    let prose = section.iter().filter_map(|line| line.strip_prefix(entry.as_str()));
    prose.map(|text| text.trim().to_owned()).collect()
}

/// Without empty lines at the ends.
fn trimmed(lines: &[String]) -> Vec<String> {
    let is_text = |line: &String| !line.trim().is_empty();
    let start = lines.iter().position(is_text).unwrap_or(lines.len());
    let end = lines.iter().rposition(is_text).map_or(start, |last| last + 1);
    lines[start..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::check::Cause;

    #[test]
    fn every_cause_has_a_section_and_something_for_every_framework() {
        for cause in Cause::ALL {
            for framework in FRAMEWORKS {
                assert!(!fix(cause.name(), framework).is_empty(), "{cause} {framework}");
            }
        }
        let sections = PAGE.lines().filter(|line| line.starts_with("## ")).count();
        assert_eq!(sections, Cause::ALL.len());
    }
}
