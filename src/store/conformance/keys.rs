//! Keys of the API, and what is of one tenant.

use super::{Fixture, delivery, numbers, read_delivery, record};
use crate::clock::Timestamp;
use crate::message::Mode;
use crate::store::queue::{Intake, NewEvent, NewQueued, SERVICE};
use crate::store::{ApiKeyRecord, KeyOp, NewDelivery, Op, Query, QueueOp, Store};

fn key(name: &str, tenant: Option<&str>) -> ApiKeyRecord {
    ApiKeyRecord {
        id: format!("key_{name}"),
        name: name.to_owned(),
        digest: [7; 32],
        reads_only: tenant.is_some(),
        mode: Mode::Test,
        tenant: tenant.map(str::to_owned),
        created: Timestamp::from_unix(1),
    }
}

pub(crate) fn keys_are_added_once_and_revoked<F: Fixture>() {
    let fixture = F::new();
    let mut store = fixture.open();
    let mut change = |op: KeyOp| record(&mut store, Op::Keys(op)).number;
    let (one, two) = (key("one", None), key("two", Some("t")));
    assert_eq!(change(KeyOp::Add(Box::new(one.clone()))), 1);
    assert_eq!(change(KeyOp::Add(Box::new(key("one", Some("t"))))), 0);
    assert_eq!(change(KeyOp::Add(Box::new(two.clone()))), 1);
    assert_eq!(fixture.open().api_keys().unwrap(), [one, two.clone()]);
    assert_eq!(change(KeyOp::Revoke("one".to_owned())), 1);
    assert_eq!(change(KeyOp::Revoke("one".to_owned())), 0);
    assert_eq!(fixture.open().api_keys().unwrap(), [two]);
}

pub(crate) fn what_is_of_a_tenant_is_found_for_it_alone<F: Fixture>() {
    let mut store = F::new().open();
    for (second, tenant) in [(1, None), (2, Some("a")), (3, Some("b")), (4, Some("a"))] {
        let (at, tenant) = (Timestamp::from_unix(second), tenant.map(str::to_owned));
        let queued = NewQueued {
            delivery: NewDelivery {
                tenant: tenant.clone(),
                ..delivery(at, "a")
            },
            lane: "ep_1".to_owned(),
            taken: false,
        };
        let event = NewEvent {
            // Two tenants may choose the same id.
            id: "order".to_owned(),
            at,
            name: "a".to_owned(),
            mode: Mode::Live,
            data: None,
            tenant,
            deliveries: vec![queued],
        };
        let intake = Intake {
            owner: SERVICE.to_owned(),
            key: None,
            book: None,
            events: vec![event],
        };
        record(&mut store, Op::Queue(QueueOp::Accept(Box::new(intake))));
    }
    let of = |tenant: &str| Query {
        tenant: Some(tenant.to_owned()),
        ..Query::default()
    };
    assert_eq!(numbers(&store, &of("a")), [4, 2]);
    assert!(numbers(&store, &of("c")).is_empty());
    assert_eq!(numbers(&store, &Query::default()), [4, 3, 2, 1]);
    assert_eq!(read_delivery(&store, 3).delivery.tenant.as_deref(), Some("b"));
    let events = |tenant, before| -> Vec<u64> {
        let found = store.events(tenant, before, 9).unwrap();
        found.iter().map(|event| event.number).collect()
    };
    assert_eq!(
        (events(Some("a"), None), events(Some("a"), Some(4))),
        (vec![4, 2], vec![2])
    );
    assert_eq!(events(None, None), [4, 3, 2, 1]);
    let newest = |tenant| store.event(tenant, "order").unwrap().map(|event| event.number);
    assert_eq!(
        (newest(Some("b")), newest(Some("c")), newest(None)),
        (Some(3), None, Some(4))
    );
    assert_eq!(store.event_ids(Some("a"), "ord", 9).unwrap(), ["order"]);
    assert!(store.event_ids(Some("c"), "ord", 9).unwrap().is_empty());
    let deliveries = |tenant, prefix: &str, limit| store.delivery_numbers(tenant, prefix, limit).unwrap();
    let of_b = read_delivery(&store, 3).delivery.id.to_string();
    assert_eq!(deliveries(None, "dlv_", 2).len(), 2);
    assert_eq!(
        (deliveries(Some("b"), "dlv_", 9), deliveries(Some("a"), &of_b, 9)),
        (vec![3], vec![])
    );
    assert_eq!(deliveries(Some("a"), "dlv_", 9).len(), 2);
    assert!(deliveries(None, "msg_", 9).is_empty() && deliveries(None, "dlv_x", 9).is_empty());
}
