//! Ids in the provider's form.

use uuid::Uuid;

use crate::id::{Id, IdKind};
use crate::provider::api::IdForm;

/// An id of the endpoint file in the provider's form.
pub(super) fn shown(form: IdForm, id: &str) -> String {
    match (form, Id::parse(id)) {
        (IdForm::Uuid, Some(id)) => id.uuid.hyphenated().to_string(),
        _ => id.to_owned(),
    }
}

/// The id in the endpoint file; `None` for anything but a whole id.
pub(super) fn read(form: IdForm, text: &str) -> Option<String> {
    match form {
        IdForm::Own => Id::parse(text)
            .filter(|id| id.kind == IdKind::Endpoint)
            .map(|id| id.to_string()),
        IdForm::Uuid => {
            let uuid = Uuid::try_parse(text).ok().filter(|_| text.len() == 36)?;
            let kind = IdKind::Endpoint;
            Some(Id { kind, uuid }.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_in_the_form_in_which_it_is_shown() {
        let own = "ep_018bcfe56800700080000000000000aa";
        let uuid = "018bcfe5-6800-7000-8000-0000000000aa";
        assert_eq!(shown(IdForm::Own, own), own);
        assert_eq!(shown(IdForm::Uuid, own), uuid);
        assert_eq!(read(IdForm::Own, own).as_deref(), Some(own));
        assert_eq!(read(IdForm::Uuid, uuid).as_deref(), Some(own));
        for (form, text) in [
            (IdForm::Own, uuid),
            (IdForm::Own, "ep_018b"),
            (IdForm::Own, "msg_018bcfe56800700080000000000000aa"),
            (IdForm::Uuid, own),
            (IdForm::Uuid, "018bcfe56800700080000000000000aa"),
            (IdForm::Uuid, ""),
        ] {
            assert_eq!(read(form, text), None, "{text}");
        }
    }
}
