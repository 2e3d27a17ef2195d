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
        let start = self.info.offset_for(id).map_or(0, |(start, _)| start as usize);
        SyntaxError::new(self.source, start, what)
    }
}
