//! How common programs write JSON.

use super::json_style::{Escapes, JsonStyle, Layout, Numbers, Order, UpperDigits};

const RAW: Escapes = Escapes {
    unicode: false,
    slash: false,
    lines: false,
    ascii: "",
    upper: UpperDigits::None,
};
const ASCII: Escapes = Escapes { unicode: true, ..RAW };
const PHP: Escapes = Escapes { slash: true, ..ASCII };
const SLASH: Escapes = Escapes { slash: true, ..RAW };
const HTML: Escapes = Escapes {
    lines: true,
    ascii: "<>&",
    ..RAW
};
const GSON: Escapes = Escapes { ascii: "<>&='", ..HTML };
const DOTNET: Escapes = Escapes {
    ascii: "<>&'\"+`\u{7f}",
    ..UPPER
};
const UPPER: Escapes = Escapes {
    upper: UpperDigits::All,
    ..ASCII
};
const PHP_HEX: Escapes = Escapes {
    ascii: "<>&'\"",
    upper: UpperDigits::Ascii,
    ..PHP
};
const POWERSHELL: Escapes = Escapes { ascii: "<>&'", ..RAW };

const fn style(name: &'static str, layout: Layout, escapes: Escapes) -> JsonStyle {
    JsonStyle {
        name,
        layout,
        escapes,
        numbers: Numbers::Kept,
        order: Order::Kept,
    }
}

const LINE: Layout = Layout::Line(",", ":");
const SPACED: Layout = Layout::Line(", ", ": ");
const TWO: Layout = Layout::Indented("  ", ": ", "\n");
const FOUR: Layout = Layout::Indented("    ", ": ", "\n");
const ONE: Layout = Layout::Indented(" ", ": ", "\n");
const THREE: Layout = Layout::Indented("   ", ": ", "\n");
const EIGHT: Layout = Layout::Indented("        ", ": ", "\n");
const UNINDENTED: Layout = Layout::Indented("", ": ", "\n");
const NARROW: Layout = Layout::Indented("  ", ":", "\n");
const SWIFT: Layout = Layout::Indented("  ", " : ", "\n");
const PERL: Layout = Layout::Indented("   ", " : ", "\n");
const TAB: Layout = Layout::Indented("\t", ": ", "\n");

pub(super) const COMPACT: JsonStyle = style("compact JSON", LINE, RAW);
pub(super) const PYTHON: JsonStyle = style(
    "JSON with spaces after commas and colons, as Python's `json.dumps` writes it",
    SPACED,
    ASCII,
)
.numbers(Numbers::Python);

/// As Gson writes, which leaves out what is null.
pub(super) const GSON_STYLE: JsonStyle = style(
    "compact JSON with HTML characters escaped, as Java's Gson writes it",
    LINE,
    GSON,
);

/// How many of the styles are tried before the other kinds of mistakes.
pub(super) const LIKELY: usize = 8;

/// How many of them programs write that end their output with a newline, such as jq.
pub(super) const STYLES_OF_TOOLS: usize = 16;

/// How many of them are looked for beside another mistake.
pub(super) const STYLES_IN_PAIRS: usize = 53;

/// Ways to write JSON, the likely ones first. Of two that give the same bytes the first is named.
pub(super) const STYLES: [JsonStyle; 76] = [
    COMPACT,
    PYTHON,
    style("compact JSON as `JSON.stringify` writes it", LINE, RAW).javascript(),
    style(
        "JSON with spaces after commas and colons, escaped beyond ASCII",
        SPACED,
        ASCII,
    ),
    style("JSON with spaces after commas and colons", SPACED, RAW),
    style("JSON indented by two spaces", TWO, RAW),
    style(
        "compact JSON with escaped slashes, escaped beyond ASCII, as PHP's `json_encode` writes it",
        LINE,
        PHP,
    ),
    style("compact JSON, escaped beyond ASCII", LINE, ASCII),
    style("compact JSON with escaped slashes", LINE, SLASH),
    style(
        "compact JSON with `<`, `>` and `&` escaped for HTML, as Rails and Go write it",
        LINE,
        HTML,
    ),
    style("compact JSON with sorted keys", LINE, RAW).sorted(),
    style("compact JSON with sorted keys, as Go writes a map", LINE, HTML).sorted(),
    style(
        "JSON with spaces and sorted keys, as Python's `json.dumps` writes it",
        SPACED,
        ASCII,
    )
    .numbers(Numbers::Python)
    .sorted(),
    style("JSON with spaces and sorted keys", SPACED, RAW).sorted(),
    style("compact JSON with sorted keys, escaped beyond ASCII", LINE, ASCII).sorted(),
    style("JSON indented by four spaces", FOUR, RAW),
    style(
        "JSON indented by four spaces, as PHP's `json_encode` writes it",
        FOUR,
        PHP,
    ),
    style("JSON indented by two spaces, escaped beyond ASCII", TWO, ASCII),
    style("JSON indented by four spaces, escaped beyond ASCII", FOUR, ASCII),
    style("JSON indented by four spaces, with escaped slashes", FOUR, SLASH),
    style("JSON indented by tabs", TAB, RAW),
    style("JSON indented by tabs, as Go writes it", TAB, HTML),
    style("JSON indented by two spaces, as Go and Rails write it", TWO, HTML),
    style("JSON indented by two spaces with sorted keys", TWO, RAW).sorted(),
    style(
        "JSON indented by two spaces with sorted keys, as Go writes a map",
        TWO,
        HTML,
    )
    .sorted(),
    style(
        "JSON indented by two spaces with sorted keys, escaped beyond ASCII",
        TWO,
        ASCII,
    )
    .sorted(),
    style("JSON indented by four spaces with sorted keys", FOUR, ASCII).sorted(),
    style(
        "JSON indented by two spaces, as Python's `json.dumps` writes it",
        TWO,
        ASCII,
    )
    .numbers(Numbers::Python),
    style(
        "JSON indented by four spaces, as Python's `json.dumps` writes it",
        FOUR,
        ASCII,
    )
    .numbers(Numbers::Python),
    style("compact JSON as Python's `json.dumps` writes it", LINE, ASCII).numbers(Numbers::Python),
    style(
        "compact JSON with sorted keys, as Python's `json.dumps` writes it",
        LINE,
        ASCII,
    )
    .numbers(Numbers::Python)
    .sorted(),
    style("JSON indented by two spaces, as `JSON.stringify` writes it", TWO, RAW).javascript(),
    style("JSON indented by four spaces, as `JSON.stringify` writes it", FOUR, RAW).javascript(),
    style(
        "pretty JSON with spaces around colons, as Java's Jackson writes it",
        Layout::ArraysInLine,
        RAW,
    ),
    style(
        "pretty JSON with sorted keys, as Java's Jackson writes it",
        Layout::ArraysInLine,
        RAW,
    )
    .sorted(),
    style(
        "compact JSON with upper-case escapes beyond ASCII, as Java's Jackson writes it",
        LINE,
        UPPER,
    ),
    GSON_STYLE,
    style(
        "JSON indented by two spaces, HTML characters escaped, as Java's Gson writes it",
        TWO,
        GSON,
    ),
    style(
        "JSON with every number as a double, as Java's Gson writes a map",
        LINE,
        GSON,
    )
    .numbers(Numbers::Doubles),
    style("compact JSON with whole numbers without `.0`", LINE, RAW).numbers(Numbers::Whole),
    style(
        "compact JSON with upper-case escapes, as .NET's System.Text.Json writes it",
        LINE,
        DOTNET,
    ),
    style(
        "JSON indented by two spaces with upper-case escapes, as .NET's System.Text.Json writes it",
        TWO,
        DOTNET,
    ),
    style(
        "JSON indented by two spaces with lines that end in CR LF",
        Layout::Indented("  ", ": ", "\r\n"),
        RAW,
    ),
    style(
        "compact JSON with each item of the list on a line (CR LF)",
        Layout::Lines("\r\n"),
        RAW,
    ),
    style(
        "compact JSON with each item of the list on a line",
        Layout::Lines("\n"),
        RAW,
    ),
    style("JSON indented by one space", ONE, RAW),
    style("JSON indented by one space, escaped beyond ASCII", ONE, ASCII),
    style("JSON indented by tabs with sorted keys, as Go writes a map", TAB, HTML).sorted(),
    style(
        "JSON indented by four spaces with sorted keys, as Go writes a map",
        FOUR,
        HTML,
    )
    .sorted(),
    style(
        "JSON indented by three spaces, with sorted keys, as Perl's JSON writes it",
        PERL,
        RAW,
    )
    .sorted(),
    style("JSON with spaces after colons alone", Layout::Line(",", ": "), RAW),
    style("JSON with spaces after commas alone", Layout::Line(", ", ":"), RAW),
    style(
        "JSON with spaces after colons alone, escaped beyond ASCII",
        Layout::Line(",", ": "),
        ASCII,
    ),
    style(
        "JSON indented by two spaces, as Ruby's `JSON.pretty_generate` writes it",
        Layout::EmptyLines,
        RAW,
    ),
    style("compact JSON with the outermost keys sorted", LINE, RAW).ordered(Order::OutermostSorted),
    style(
        "compact JSON with the outermost keys sorted, as PHP's `ksort` and `json_encode` write it",
        LINE,
        PHP,
    )
    .ordered(Order::OutermostSorted),
    style(
        "compact JSON with sorted keys and escaped slashes, escaped beyond ASCII",
        LINE,
        PHP,
    )
    .sorted(),
    style("compact JSON with sorted keys and escaped slashes", LINE, SLASH).sorted(),
    style(
        "JSON with spaces and keys sorted by length, as a database writes it (`jsonb`)",
        SPACED,
        RAW,
    )
    .ordered(Order::ByLength),
    style(
        "compact JSON with keys sorted by length, as from a database (`jsonb`)",
        LINE,
        RAW,
    )
    .ordered(Order::ByLength),
    style(
        "compact JSON with HTML characters escaped in upper case, as PHP's `JSON_HEX_TAG` and Symfony write it",
        LINE,
        PHP_HEX,
    ),
    style(
        "compact JSON with HTML characters escaped, as PowerShell and .NET write it",
        LINE,
        POWERSHELL,
    ),
    style(
        "JSON indented by two spaces with lines that end in CR LF, as .NET writes it",
        Layout::Indented("  ", ": ", "\r\n"),
        DOTNET,
    ),
    style("JSON indented by four spaces with sorted keys", FOUR, RAW).sorted(),
    style("JSON indented by tabs, escaped beyond ASCII", TAB, ASCII),
    style("JSON indented by three spaces", THREE, RAW),
    style("JSON indented by three spaces, escaped beyond ASCII", THREE, ASCII),
    style("JSON indented by eight spaces", EIGHT, RAW),
    style("JSON on lines without indent", UNINDENTED, RAW),
    style("JSON on lines without indent, escaped beyond ASCII", UNINDENTED, ASCII),
    style("JSON indented by two spaces without spaces after colons", NARROW, RAW),
    style(
        "JSON indented by two spaces without spaces after colons, escaped beyond ASCII",
        NARROW,
        ASCII,
    ),
    style(
        "JSON indented by two spaces with spaces around colons, as Swift writes it",
        SWIFT,
        SLASH,
    ),
    style("JSON indented by two spaces with spaces around colons", SWIFT, RAW),
    style("JSON with spaces inside of braces", Layout::Padded(false), RAW),
    style(
        "JSON with spaces inside of braces and brackets",
        Layout::Padded(true),
        RAW,
    ),
];
