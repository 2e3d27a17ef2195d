//! Conditions on requests and deliveries, written in CEL (Common Expression Language).
//!
//! An expression may come from a cloned repository, and what it looks at from a stranger. So the source is limited in size
//! and nesting, names are checked before anything runs, and an evaluation spends from a budget: [`budget`] says on what.

mod budget;
mod error;
mod explain;
mod instrument;
mod nesting;
mod offsets;
mod outline;
mod parse;
mod references;
mod types;
mod value;
mod variables;

use std::sync::{Arc, LazyLock};

use cel::common::types::CelBool;
use cel::parser::Expression as Syntax;
use cel::{Context, Env, Value};

pub use error::{EvaluationError, SyntaxError};
pub use outline::ExpressionOutline;
pub use variables::{NAMES, Variables};

/// Bytes of a source text, at most.
pub const MOST_SOURCE: usize = 4 * 1024;

/// Brackets, calls and macros inside of each other, at most.
pub const MOST_NESTING: usize = 24;

/// Levels of a syntax tree that are evaluated on any stack: the evaluation is recursive, and its frames are large.
const SHALLOW: usize = 12;

/// Bytes of a JSON body, at most, for its values to be looked at.
pub const MOST_DOCUMENT: usize = 1024 * 1024;

/// Types, which `type(x) == int` compares with.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// The functions of every expression: those of CEL, and [`budget`]'s.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib().with_optional_support(false);
    budget::declare(&mut env);
    Arc::new(env)
});

/// A condition that was checked and can be evaluated.
pub struct Expression {
    source: String,
    syntax: Syntax,
    variables: Vec<&'static str>,
    outline: ExpressionOutline,
    levels: usize,
}

impl Expression {
    /// Reads the text of an expression. Variables and functions that do not exist are errors.
    pub fn compile(source: &str) -> Result<Self, SyntaxError> {
        if source.len() > MOST_SOURCE {
            let what = format!("it has {} bytes, and {MOST_SOURCE} are the limit", source.len());
            return Err(SyntaxError::new(source, 0, what));
        }
        if source.trim().is_empty() {
            return Err(SyntaxError::new(source, 0, "it is empty".to_owned()));
        }
        nesting::check(source)?;
        let parse::ParsedExpression {
            syntax,
            variables,
            outline,
            levels,
        } = parse::parse(source, &ENVIRONMENT)?;
        Ok(Self {
            source: source.to_owned(),
            syntax,
            variables,
            outline,
            levels,
        })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it compares.
    pub fn outline(&self) -> &ExpressionOutline {
        &self.outline
    }

    /// The parts that all have to hold, each as an expression; none where it cannot be taken apart.
    pub fn parts(&self) -> Vec<Self> {
        let parts = outline::conjuncts(&self.source);
        let parts: Result<Vec<Self>, SyntaxError> = parts.into_iter().map(Self::compile).collect();
        parts.unwrap_or_default()
    }

    /// Whether it looks at that variable.
    pub fn uses(&self, name: &str) -> bool {
        self.variables.contains(&name)
    }

    /// Whether it holds. What goes wrong, such as a field that is not there, is an error, never true.
    pub fn evaluate(&self, variables: &Variables<'_>) -> Result<bool, EvaluationError> {
        if self.levels <= SHALLOW {
            return self.evaluate_here(variables);
        }
        parse::with_large_stack(|| self.evaluate_here(variables))
            .unwrap_or_else(|| Err(EvaluationError::Failed("no thread can be started for it".to_owned())))
    }

    /// The same on the stack of this thread.
    fn evaluate_here(&self, variables: &Variables<'_>) -> Result<bool, EvaluationError> {
        budget::limited(|| {
            let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
            context.set_variable_resolver(variables);
            let result = Value::resolve_val(&self.syntax, &context);
            // With `||` and `exists` an exhausted budget could still become true.
            if budget::is_exhausted() {
                return Err(EvaluationError::TooMuchWork);
            }
            let value = result.map_err(|error| explain::failure(&self.syntax, &context, variables, &error))?;
            match value.downcast_ref::<CelBool>() {
                Some(holds) => Ok(*holds.inner()),
                None => Err(EvaluationError::NotBoolean(value.get_type().name().to_owned())),
            }
        })
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

#[cfg(test)]
mod tests;
