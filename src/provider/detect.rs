//! Recognising the provider of a request from what it carries.

use crate::headers::Headers;
use crate::json::JsonPaths;

use super::value::RequestField;

/// One profile's marks.
#[derive(Debug, Clone)]
pub struct DetectMarks {
    /// `NAME` or `NAME@VARIANT`.
    pub label: String,
    signs: bool,
    any_of: Vec<RequestField>,
    all_of: Vec<RequestField>,
}

/// The marks of every profile, looked up together in one pass over the body.
#[derive(Debug, Clone, Default)]
pub struct Detector {
    marks: Vec<DetectMarks>,
    paths: JsonPaths,
}

impl DetectMarks {
    /// Compiles the marks; places that cannot be read are left out, the profile's own check refuses them.
    pub fn new(label: String, signs: bool, any_of: &[&str], all_of: &[&str]) -> Self {
        let field = |text: &&str| RequestField::try_from((*text).to_owned()).ok();
        let places = |list: &[&str]| list.iter().filter_map(field).collect();
        Self {
            label,
            signs,
            any_of: places(any_of),
            all_of: places(all_of),
        }
    }

    fn places(&self) -> impl Iterator<Item = &RequestField> {
        self.any_of.iter().chain(&self.all_of)
    }
}

impl Detector {
    /// Takes the marks of all profiles that have any.
    pub fn new(marks: impl IntoIterator<Item = DetectMarks>) -> Self {
        let marks: Vec<DetectMarks> = marks
            .into_iter()
            .filter(|marks| marks.places().next().is_some())
            .collect();
        let mut paths = JsonPaths::default();
        for place in marks.iter().flat_map(DetectMarks::places) {
            if let RequestField::Body(path) = place {
                paths.add(path);
            }
        }
        Self { marks, paths }
    }

    /// Keeps only the marks of those providers.
    #[must_use]
    pub fn among(mut self, labels: &[String]) -> Self {
        self.marks
            .retain(|marks| labels.iter().any(|label| covers(label, &marks.label)));
        self
    }

    /// The labels with the highest number of marks in the request: several when they tie. A provider that signs nothing is
    /// recognised by the shape of its events, which another one may sign: it counts where no other does.
    pub fn detect(&self, headers: &Headers, body: &[u8]) -> Vec<&str> {
        // Most requests are told by a header alone: the body is read only when some mark asks for it.
        let mut found = None;
        let mut is_present = |place: &RequestField| match place {
            RequestField::Header(name) => headers.contains(name),
            RequestField::Body(path) => {
                let found = found.get_or_insert_with(|| self.paths.read_as(headers.get_text("content-type"), body));
                self.paths.slot(path).is_some_and(|slot| found[slot].is_some())
            }
        };
        let mut best = (false, 0);
        let mut labels = Vec::new();
        for marks in &self.marks {
            let any = marks.any_of.iter().filter(|place| is_present(place)).count();
            let fits = (marks.any_of.is_empty() || any > 0) && marks.all_of.iter().all(&mut is_present);
            let weight = (marks.signs, any.min(1) + marks.all_of.len());
            if !fits || weight < best {
                continue;
            }
            if weight > best {
                labels.clear();
                best = weight;
            }
            labels.push(marks.label.as_str());
        }
        labels
    }
}

/// Whether that mark tells of the provider with this label: `github@app` of a mark of `github@app` or `github`, and `github`
/// of the marks of all its variants.
pub fn covers(label: &str, mark: &str) -> bool {
    match (label.split_once('@'), mark.split_once('@')) {
        (Some((name, _)), None) => name == mark,
        (None, Some((name, _))) => label == name,
        _ => label == mark,
    }
}
