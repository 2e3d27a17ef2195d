//! What a listener answered, as the record of a capture keeps it: one number, which is a status from 200 on.

use crate::text::status_line;

/// What a request was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// By the app that it was forwarded to: its status was unknown when the request was recorded.
    ByApp,
    /// With nothing: the connection was closed.
    Dropped,
    /// With nothing: the connection was reset.
    Reset,
    /// With that status.
    Status(u16),
}

impl Answered {
    /// Reads the number of a record.
    pub fn from_code(code: u16) -> Self {
        match code {
            0 => Self::ByApp,
            1 => Self::Dropped,
            2 => Self::Reset,
            status => Self::Status(status),
        }
    }

    /// The number of a record.
    pub fn code(self) -> u16 {
        match self {
            Self::ByApp => 0,
            Self::Dropped => 1,
            Self::Reset => 2,
            Self::Status(status) => status,
        }
    }

    /// The status, where hook answered with one.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether it tells the sender that the request was received.
    pub fn is_success(self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }

    /// `200`, `app`, `dropped` or `reset`: a word for tables.
    pub fn word(self) -> String {
        match self {
            Self::ByApp => "app".to_owned(),
            Self::Dropped => "dropped".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::Status(status) => status.to_string(),
        }
    }

    /// For people: `200 OK`, or what was done instead.
    pub fn summary(self) -> String {
        match self {
            Self::ByApp => "by the app".to_owned(),
            Self::Dropped => "nothing: the connection was closed on purpose".to_owned(),
            Self::Reset => "nothing: the connection was reset on purpose".to_owned(),
            Self::Status(status) => status_line(status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_reads_back() {
        for code in [0, 1, 2, 200, 204, 500, 599] {
            assert_eq!(Answered::from_code(code).code(), code);
        }
        assert!(Answered::Status(204).is_success() && !Answered::Dropped.is_success());
    }
}
