//! The tables, as a list of migrations that is only ever appended to: a released migration never changes.

/// The application id in the file's header: `hook` in ASCII.
pub(super) const APPLICATION: i64 = 0x686f_6f6b;

/// Page size in bytes, chosen when the file is created. Larger than the default because records are: fewer pages, and
/// fewer bodies that overflow.
pub(super) const PAGE_SIZE: u32 = 8192;

/// The format that this program writes.
pub(super) const FORMAT: u32 = 7;

/// Migration `i` turns format `i` into format `i + 1`; format 0 is an empty file.
pub(super) const MIGRATIONS: [&str; FORMAT as usize] = [
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
    include_str!("migrations/6.sql"),
    include_str!("migrations/7.sql"),
];

/// Empty temporary tables for a reader of an older file, by the format that introduced the real ones. A reader may not
/// migrate the file.
pub(super) const STAND_INS: [(i64, &str); 5] = [
    (2, include_str!("stand_ins/2.sql")),
    (3, include_str!("stand_ins/3.sql")),
    (4, include_str!("stand_ins/4.sql")),
    (5, include_str!("stand_ins/5.sql")),
    (6, include_str!("stand_ins/6.sql")),
];
