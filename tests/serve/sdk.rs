//! The provider's official library drives its face: `slotflow` of the Python index, in the virtual environment among the
//! peers. Without peers the test is skipped.

use crate::support::{App, KEY, Reply, Sandbox, peers};

const DRIVER: &str = r#"
import sys
from slotflow import (Slotflow, AuthenticationError, PaymentRequiredError, NotFoundError, ConflictError,
                      ValidationError)

base, key, target = sys.argv[1:]
api = Slotflow(key, base_url=base)

def refused(kind, code, call):
    try:
        call()
    except kind as error:
        assert error.code == code, (error.code, code)
        assert error.message, error
    else:
        raise AssertionError(f"{kind.__name__} is expected")

assert api.webhooks.list() == {"webhooks": [], "total": 0}
made = api.webhooks.create(url=target + "/a", events=["booking.confirmed", "booking.cancelled"])
assert made["active"] is True and made["signing_secret"].startswith("whsec_"), made
assert api.webhooks.list()["webhooks"] == [made]
refused(ValidationError, "VALIDATION_ERROR", lambda: api.webhooks.create(url=target + "/a", events=["booking.confirmed"]))
refused(ValidationError, "VALIDATION_ERROR", lambda: api.webhooks.create(url=target + "/b", events=["nothing"]))
api.webhooks.create(url=target + "/b", events=["booking.cancelled"])
refused(PaymentRequiredError, "LIMIT_REACHED", lambda: api.webhooks.create(url=target + "/c", events=["booking.confirmed"]))
refused(NotFoundError, "NOT_FOUND", lambda: api.webhooks.delete("00000000-0000-4000-8000-000000000001"))
refused(AuthenticationError, "UNAUTHORIZED", lambda: Slotflow("wrong", base_url=base).webhooks.list())

slot = dict(human_id="hu_1", starts_at="2030-01-02T14:00:00.000Z", duration=30, attendee_name="Pat Example",
            metadata={"source": "sdk"})
booking = api.bookings.create(**slot)
assert booking["ends_at"] == "2030-01-02T14:30:00.000Z" and booking["metadata"] == {"source": "sdk"}, booking
refused(ConflictError, "SLOT_UNAVAILABLE", lambda: api.bookings.create(**slot))
assert api.bookings.cancel(booking["id"]) == {"id": booking["id"], "status": "cancelled"}
refused(NotFoundError, "NOT_FOUND", lambda: api.bookings.cancel(booking["id"]))
for webhook in api.webhooks.list()["webhooks"]:
    assert api.webhooks.delete(webhook["id"]) == {"deleted": True, "id": webhook["id"]}
print("done")
"#;

#[test]
fn the_official_slotflow_library_drives_the_face() {
    let Some(peers) = peers() else {
        eprintln!("skipped: `HOOK_TEST_PEERS` names no folder of libraries");
        return;
    };
    let python = peers.join("venv/bin/python");
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let app = App::start(|_| Reply::Status(200, ""));
    let origin = face.ready["origin"].as_str().expect("a URL").to_owned();
    sandbox.write("driver.py", DRIVER);
    let args = ["driver.py", &origin, KEY, &app.url];
    let program = python.to_str().expect("a path");
    sandbox.program(program, args).run().ok().prints(["done"]);
    let events: Vec<String> = [app.next(), app.next(), app.next()]
        .iter()
        .map(|seen| {
            let event: serde_json::Value = serde_json::from_slice(&seen.body).expect("JSON");
            assert!(seen.header("x-slotflow-signature").is_some());
            assert_eq!(event["data"]["metadata"]["source"], "sdk");
            event["event"].as_str().expect("a name").to_owned()
        })
        .collect();
    assert!(events.contains(&"booking.confirmed".into()) && events.contains(&"booking.cancelled".into()));
    face.stop().ok();
}
