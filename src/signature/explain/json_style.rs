//! What makes up a way to write JSON.

/// Which characters a writer escapes beyond those that must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Escapes {
    /// Everything beyond ASCII, as `\u00e9`.
    pub(super) unicode: bool,
    /// The slash, as `\/`.
    pub(super) slash: bool,
    /// U+2028 and U+2029.
    pub(super) lines: bool,
    /// ASCII characters that are written as `\u003c`.
    pub(super) ascii: &'static str,
    /// Digits in upper case, as `\u003C`.
    pub(super) upper: UpperDigits,
}

/// In which escapes the digits are in upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum UpperDigits {
    #[default]
    None,
    /// In those of ASCII characters alone.
    Ascii,
    All,
}

/// How a writer writes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Numbers {
    /// As they stand.
    #[default]
    Kept,
    /// As JavaScript does: `1.0` is `1`.
    JavaScript,
    /// As Python does: `1e2` is `100.0`.
    Python,
    /// As Java does with a map of doubles: `1` is `1.0`.
    Doubles,
    /// Whole numbers without `.0`, which a double gave them.
    Whole,
}

/// The order of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// As they stand.
    #[default]
    Kept,
    /// By their names.
    Sorted,
    /// Those of the outermost object alone, by their names.
    OutermostSorted,
    /// By the lengths of their names, then by the names.
    ByLength,
    /// Names that are whole numbers first, by value, as JavaScript objects have it.
    IntegersFirst,
}

/// Where a writer puts spaces and newlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// All on one line: what stands between items, and after a name.
    Line(&'static str, &'static str),
    /// One item a line: one level's indent, what stands after a name, and the end of a line.
    Indented(&'static str, &'static str, &'static str),
    /// Members on lines of their own, the items of an array on one: Jackson's printer.
    ArraysInLine,
    /// The items of the outermost array each on a line that ends so.
    Lines(&'static str),
    /// Indented by two spaces, with a line for nothing in what is empty: Ruby's printer.
    EmptyLines,
    /// On one line with spaces inside of braces, and of brackets too if so: as people write it.
    Padded(bool),
}

/// A way to write JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JsonStyle {
    /// For people.
    pub(super) name: &'static str,
    pub(super) layout: Layout,
    pub(super) escapes: Escapes,
    pub(super) numbers: Numbers,
    pub(super) order: Order,
}

impl JsonStyle {
    pub(super) const fn sorted(self) -> Self {
        self.ordered(Order::Sorted)
    }

    pub(super) const fn ordered(self, order: Order) -> Self {
        Self { order, ..self }
    }

    pub(super) const fn numbers(self, numbers: Numbers) -> Self {
        Self { numbers, ..self }
    }

    pub(super) const fn javascript(self) -> Self {
        Self {
            numbers: Numbers::JavaScript,
            order: Order::IntegersFirst,
            ..self
        }
    }
}
