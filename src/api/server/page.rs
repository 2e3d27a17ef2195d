//! Pages of a list, by cursor or by number.

use super::ids;
use super::response::{ApiRejection, ApiResult};
use crate::endpoints::Endpoint;
use crate::provider::api::{IdForm, Paging};

/// A part of a list.
#[derive(Debug)]
pub(super) struct EndpointPage {
    pub(super) items: Vec<Endpoint>,
    /// The cursor of the next page; `None` on the last one.
    pub(super) next: Option<String>,
}

impl EndpointPage {
    /// The page that the query of a request target selects.
    pub(super) fn of(paging: &Paging, target: &str, form: IdForm, mut all: Vec<Endpoint>) -> ApiResult<Self> {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let asked = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        let number = |name: &str, default: usize| match asked(name).as_deref().map(str::parse) {
            None => Ok(default),
            Some(Ok(number)) if number > 0 => Ok(number),
            Some(_) => Err(ApiRejection::invalid(format!("`{name}` is not a number above 0"))),
        };
        let most = usize::try_from(paging.size).unwrap_or(usize::MAX);
        // A client may ask for smaller pages than the provider's, not for larger ones.
        let size = number(&paging.size_param, most)?.min(most);
        // Ids sort by time, so that the cursor still works after its endpoint was removed.
        all.sort_by(|one, other| one.id.cmp(&other.id));
        if paging.next.is_none() {
            let page = number(&paging.param, 1)?;
            let rest = all.into_iter().skip((page - 1).saturating_mul(size));
            let items = rest.take(size).collect();
            return Ok(Self { items, next: None });
        }
        if let Some(cursor) = asked(&paging.param) {
            let wrong = || ApiRejection::invalid(format!("`{}` is not a cursor", paging.param));
            let last = ids::read(form, &cursor).ok_or_else(wrong)?;
            all.retain(|endpoint| endpoint.id > last);
        }
        let more = all.len() > size;
        all.truncate(size);
        let last = all.last().filter(|_| more);
        let next = last.map(|endpoint| ids::shown(form, &endpoint.id));
        Ok(Self { items: all, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::endpoints::Events;
    use crate::id::{Id, IdKind};
    use crate::random::Random;

    fn endpoints(count: i64) -> Vec<Endpoint> {
        let made = |n| {
            let now = Timestamp::from_unix(1_893_553_445 + n);
            let id = Id::new(IdKind::Endpoint, now, &Random::os());
            Endpoint::new(
                id.to_string(),
                &format!("e{n}"),
                "https://example.com",
                "acme",
                Events::All,
                now,
            )
        };
        (0..count).map(made).collect()
    }

    fn paging(next: Option<&str>) -> Paging {
        Paging {
            param: "at".into(),
            size_param: "limit".into(),
            size: 2,
            next: next.map(str::to_owned),
        }
    }

    fn names(page: &EndpointPage) -> Vec<&str> {
        page.items.iter().map(|endpoint| endpoint.name.as_str()).collect()
    }

    #[test]
    fn a_cursor_leads_from_page_to_page_to_the_end() {
        let all = endpoints(5);
        let mut seen = Vec::new();
        let mut target = "/x".to_owned();
        loop {
            let page = EndpointPage::of(&paging(Some("next")), &target, IdForm::Own, all.clone()).unwrap();
            seen.extend(names(&page).into_iter().map(str::to_owned));
            match page.next {
                Some(next) => target = format!("/x?at={next}"),
                None => break,
            }
        }
        assert_eq!(seen, ["e0", "e1", "e2", "e3", "e4"]);
        let one = EndpointPage::of(&paging(Some("next")), "/x?limit=1", IdForm::Own, all.clone()).unwrap();
        assert_eq!(names(&one), ["e0"]);
        for wrong in ["/x?at=e0", "/x?limit=0", "/x?limit=a"] {
            assert!(
                EndpointPage::of(&paging(Some("next")), wrong, IdForm::Own, all.clone()).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn numbered_pages_begin_with_one() {
        let all = endpoints(3);
        let page = |target: &str| EndpointPage::of(&paging(None), target, IdForm::Own, all.clone());
        assert_eq!(names(&page("/x").unwrap()), ["e0", "e1"]);
        assert_eq!(names(&page("/x?at=2").unwrap()), ["e2"]);
        assert!(names(&page("/x?at=99999999999").unwrap()).is_empty());
        assert!(page("/x?at=0").is_err());
    }
}
