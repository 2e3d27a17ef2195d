//! What a use case has to say beside its result. The front end decides where and how it is shown.

/// One remark, in order of occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A fact.
    Note(String),
    /// Something that is probably not wanted.
    Warning(String),
    /// What can be typed next.
    Hint(String),
}
