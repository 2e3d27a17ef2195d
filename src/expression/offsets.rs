//! Positions in the source text.

use cel::common::ast::SourceInfo;

use super::SyntaxError;

/// Where the nodes of a tree are in the source.
pub(super) struct SourceOffsets<'a> {
    source: &'a str,
    info: &'a SourceInfo,
}

impl<'a> SourceOffsets<'a> {
    /// Of a tree that was parsed from that text.
    pub(super) fn new(source: &'a str, info: &'a SourceInfo) -> Self {
        Self { source, info }
    }

    /// An error at a node.
    pub(super) fn error(&self, id: u64, what: String) -> SyntaxError {
        SyntaxError::new(self.source, self.start(id), what)
    }

    /// An error at the name of a function. The place of its call is that of the bracket behind the name.
    pub(super) fn error_at_name(&self, id: u64, name: &str, what: String) -> SyntaxError {
        let bracket = self.start(id);
        let before = self.source.get(..bracket).unwrap_or_default().trim_end();
        let at = before.strip_suffix(name).map_or(bracket, str::len);
        SyntaxError::new(self.source, at, what)
    }

    fn start(&self, id: u64) -> usize {
        self.info.offset_for(id).map_or(0, |(start, _)| start as usize)
    }
}
