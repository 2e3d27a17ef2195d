//! From the text of an expression to its checked syntax tree.

use std::thread;

use cel::Env;
use cel::parser::{Expression as Syntax, ParseErrors};

use super::offsets::SourceOffsets;
use super::{ExpressionOutline, SyntaxError, instrument, references, types};

/// Levels of the syntax tree, at most: the evaluation works recursively, and `a[0][0][0]` has a level for each index.
const MOST_LEVELS: usize = 100;

/// Stack of the threads that parse, and that evaluate deep trees: both take a level of calls for each level of the tree.
const STACK: usize = 64 * 1024 * 1024;

/// What is known of a source text.
pub(super) struct ParsedExpression {
    /// With charges.
    pub(super) syntax: Syntax,
    /// The variables that it looks at.
    pub(super) variables: Vec<&'static str>,
    /// What it compares.
    pub(super) outline: ExpressionOutline,
    /// The levels of the syntax tree.
    pub(super) levels: usize,
}

/// Parses and checks a source text whose size and brackets are within limits.
pub(super) fn parse(source: &str, env: &Env) -> Result<ParsedExpression, SyntaxError> {
    // A panic of the parser must not end a listener that reads a stranger's settings.
    with_large_stack(|| parse_here(source, env))
        .unwrap_or_else(|| Err(SyntaxError::new(source, 0, "it cannot be parsed".to_owned())))
}

/// Runs a recursive function in a thread of its own; `None` when no thread can be started, or the function panicked.
pub(super) fn with_large_stack<T: Send>(run: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
        thread.ok()?.join().ok()
    })
}

fn parse_here(source: &str, env: &Env) -> Result<ParsedExpression, SyntaxError> {
    let parsed = env.parser().parse_with_source_info(source);
    let (syntax, info) = parsed.map_err(|errors| syntax_error(source, &errors))?;
    let offsets = SourceOffsets::new(source, &info);
    let levels = instrument::levels(&syntax);
    if levels > MOST_LEVELS {
        let what = format!("it is more than {MOST_LEVELS} levels deep");
        return Err(SyntaxError::new(source, 0, what).hint("make several expressions of it"));
    }
    let variables = references::check(&syntax, &offsets)?;
    types::check(&syntax, &offsets)?;
    let outline = ExpressionOutline::of(&syntax);
    Ok(ParsedExpression {
        syntax: instrument::instrument(syntax),
        variables,
        outline,
        levels,
    })
}

/// The first error of the parser, in a line.
fn syntax_error(source: &str, errors: &ParseErrors) -> SyntaxError {
    let Some(first) = errors.errors.first() else {
        return SyntaxError::new(source, 0, "it cannot be parsed".to_owned());
    };
    let position = |number: isize| usize::try_from(number).unwrap_or(1).max(1);
    if first.msg.contains("Recursion limit") {
        return SyntaxError::new(source, 0, "it is nested too deeply".to_owned());
    }
    let what = first.msg.strip_prefix("Syntax error: ").unwrap_or(&first.msg);
    // The parser lists every token that it would have taken.
    let what = what.split(" expecting ").next().unwrap_or(what);
    SyntaxError::at(
        source,
        position(first.pos.0),
        position(first.pos.1),
        crate::text::printable(what, 200),
    )
}
