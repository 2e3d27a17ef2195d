//! How common programs write JSON.

/// Which characters a writer escapes beyond those that must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Escapes {
    /// Everything beyond ASCII, as `\u00e9`.
    pub(super) unicode: bool,
    /// The slash, as `\/`.
    pub(super) slash: bool,
    /// What ends a script or a line of one, as `\u003c`: `<`, `>`, `&`, U+2028 and U+2029.
    pub(super) html: bool,
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
}

/// The order of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// As they stand.
    #[default]
    Kept,
    /// By their names.
    Sorted,
    /// Names that are whole numbers first, by value, as JavaScript objects have it.
    IntegersFirst,
}

/// A way to write JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JsonStyle {
    /// For people.
    pub(super) name: &'static str,
    /// One level's indent; absent: all on one line.
    pub(super) indent: Option<&'static str>,
    /// Between items on one line, and after a name.
    pub(super) separators: (&'static str, &'static str),
    pub(super) escapes: Escapes,
    pub(super) numbers: Numbers,
    pub(super) order: Order,
}

pub(super) const COMPACT: JsonStyle = JsonStyle {
    name: "compact JSON",
    indent: None,
    separators: (",", ":"),
    escapes: Escapes {
        unicode: false,
        slash: false,
        html: false,
    },
    numbers: Numbers::Kept,
    order: Order::Kept,
};

const ASCII: Escapes = Escapes {
    unicode: true,
    ..COMPACT.escapes
};

const SPACED: JsonStyle = JsonStyle {
    separators: (", ", ": "),
    ..COMPACT
};

const fn pretty(name: &'static str, indent: &'static str, escapes: Escapes) -> JsonStyle {
    JsonStyle {
        name,
        indent: Some(indent),
        separators: (",", ": "),
        escapes,
        ..COMPACT
    }
}

/// How many of the styles are tried before the other kinds of mistakes.
pub(super) const LIKELY: usize = 6;

/// Ways to write JSON, the likely ones first.
pub(super) const STYLES: [JsonStyle; 22] = [
    COMPACT,
    JsonStyle {
        name: "JSON as Python's `json.dumps` writes it",
        escapes: ASCII,
        numbers: Numbers::Python,
        ..SPACED
    },
    JsonStyle {
        name: "JSON as `JSON.stringify` writes it",
        numbers: Numbers::JavaScript,
        order: Order::IntegersFirst,
        ..COMPACT
    },
    JsonStyle {
        name: "JSON with blanks after commas and colons, escaped beyond ASCII",
        escapes: ASCII,
        ..SPACED
    },
    JsonStyle {
        name: "JSON with blanks after commas and colons",
        ..SPACED
    },
    JsonStyle {
        name: "compact JSON, escaped beyond ASCII",
        escapes: ASCII,
        ..COMPACT
    },
    JsonStyle {
        name: "compact JSON with sorted keys",
        order: Order::Sorted,
        ..COMPACT
    },
    JsonStyle {
        name: "JSON as PHP's `json_encode` writes it",
        escapes: Escapes { slash: true, ..ASCII },
        ..COMPACT
    },
    JsonStyle {
        name: "compact JSON with escaped slashes",
        escapes: Escapes {
            slash: true,
            ..COMPACT.escapes
        },
        ..COMPACT
    },
    JsonStyle {
        name: "JSON as Go's `json.Marshal` writes it",
        escapes: Escapes {
            html: true,
            ..COMPACT.escapes
        },
        ..COMPACT
    },
    JsonStyle {
        name: "JSON as Go writes a map",
        escapes: Escapes {
            html: true,
            ..COMPACT.escapes
        },
        order: Order::Sorted,
        ..COMPACT
    },
    JsonStyle {
        name: "JSON as Python's `json.dumps` writes it, with sorted keys",
        escapes: ASCII,
        numbers: Numbers::Python,
        order: Order::Sorted,
        ..SPACED
    },
    JsonStyle {
        name: "JSON with blanks after commas and colons and sorted keys",
        order: Order::Sorted,
        ..SPACED
    },
    JsonStyle {
        name: "compact JSON with sorted keys, escaped beyond ASCII",
        escapes: ASCII,
        order: Order::Sorted,
        ..COMPACT
    },
    pretty("JSON indented by two blanks", "  ", COMPACT.escapes),
    pretty("JSON indented by four blanks", "    ", COMPACT.escapes),
    pretty("JSON indented by two blanks, escaped beyond ASCII", "  ", ASCII),
    pretty("JSON indented by four blanks, escaped beyond ASCII", "    ", ASCII),
    pretty("JSON indented by tabs", "\t", COMPACT.escapes),
    JsonStyle {
        order: Order::Sorted,
        ..pretty("JSON indented by two blanks, with sorted keys", "  ", COMPACT.escapes)
    },
    JsonStyle {
        order: Order::Sorted,
        ..pretty("JSON indented by four blanks, with sorted keys", "    ", ASCII)
    },
    pretty(
        "JSON as PHP's `json_encode` indents it",
        "    ",
        Escapes { slash: true, ..ASCII },
    ),
];
