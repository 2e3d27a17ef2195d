//! What has to hold for a route or a workflow: a table of values, or an expression.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `where` of a route, `when` of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a table of paths and values, or an expression in quotes")]
pub enum ConditionsFile {
    /// An expression.
    Expression(String),
    /// Dotted paths, and the values there.
    Values(IndexMap<String, Value>),
}

impl Default for ConditionsFile {
    fn default() -> Self {
        Self::Values(IndexMap::new())
    }
}

impl ConditionsFile {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Values(values) if values.is_empty())
    }

    /// The values of a table.
    pub fn values(&self) -> impl Iterator<Item = (&String, &Value)> {
        match self {
            Self::Expression(_) => None,
            Self::Values(values) => Some(values),
        }
        .into_iter()
        .flatten()
    }

    /// The expression.
    pub fn expression(&self) -> Option<&str> {
        match self {
            Self::Expression(source) => Some(source),
            Self::Values(_) => None,
        }
    }
}
