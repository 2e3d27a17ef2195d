//! What is sent in each case.

use super::case::CaseCode;
use super::duplicates;
use super::planner::{Planner, Planning};
use crate::exchange::SigningMode;

impl Planner<'_> {
    /// The plan of a case that sends requests of its own.
    pub(super) fn plan(&self, case: CaseCode) -> Planning {
        use CaseCode as Case;
        let player = self.player;
        match case {
            Case::MissingSignature => self.missing(),
            Case::EmptySignature => self.empty(),
            Case::MalformedHeader => self.malformed_header(),
            Case::WrongSecret => self.faulty(SigningMode::WrongSecret),
            Case::TamperedBody => self.faulty(SigningMode::Tampered),
            Case::GuessableSecret => self.guessable(),
            Case::TruncatedSignature
            | Case::AlteredSignature
            | Case::ExtendedSignature
            | Case::UndecodableSignature
            | Case::SignatureCase => self.changed_signature(case),
            Case::PaddedBody => self.padded_body(),
            Case::TamperedTimestamp => self.forged_or(player.with_other_time()?, "no time beside the body is signed"),
            Case::TamperedId => {
                self.forged_or(player.with_other_id(&self.composer)?, "no id beside the body is signed")
            }
            Case::Stale | Case::VeryStale | Case::Future => self.aged(case),
            Case::ClockSkew => self.skewed(),
            Case::OldEvent => self.old_event(),
            Case::SecondSecret => self.second_secret(),
            Case::SignatureList => self.signature_list(),
            Case::WhiteSpace
            | Case::KeyOrder
            | Case::UnicodeEscapes
            | Case::SlashEscapes
            | Case::TrailingNewline
            | Case::LineEnds
            | Case::Utf8
            | Case::Numbers
            | Case::Bom
            | Case::LargeBody => self.other_bytes(case),
            Case::HeaderCase => self.header_case(),
            Case::Charset => self.typed("; charset=utf-8"),
            Case::ContentType => self.typed("application/cloudevents+json"),
            Case::AtOnce => self.at_once(),
            Case::OutOfOrder => self.out_of_order(),
            Case::UnknownEvent => self.unknown_event(),
            Case::Grouped => self.grouped(),
            Case::SameId
            | Case::Resigned
            | Case::SameMoment
            | Case::OtherBytes
            | Case::OtherId
            | Case::ForgedFirst
            | Case::ForgedDuplicate => duplicates::plan(self, case),
            Case::Event | Case::RefusedEffect | Case::InTime | Case::SlowAnswer | Case::Leak | Case::RefusalStatus => {
                Ok(Err("judged by the answers to other cases".into()))
            }
        }
    }
}
