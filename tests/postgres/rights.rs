//! What a role may do: `hook serve --check` finds what a start would end with, and changes nothing.

use super::Machine;
use crate::support::{CLOSED_PORT, Run};

impl Machine {
    /// Makes a role that may connect, and returns the URL with it.
    fn role(&self, name: &str) -> (String, String) {
        let role = format!("{name}_{}", self.database);
        self.sql(&format!("CREATE ROLE {role} LOGIN"));
        let url = self.cluster.url(&self.database).replace("hook@", &format!("{role}@"));
        (role, url)
    }

    fn at(&self, url: &str, line: &str) -> Run {
        self.starting(line).env("HOOK_STORE", url)
    }

    /// A check finds what the start ends with.
    #[track_caller]
    fn refuses(&self, url: &str, what: &str) {
        self.at(url, "serve --port 0").run().exits(7);
        let check = self.at(url, "serve --check").run().exits(7);
        check.prints([what]).never(["disk", "second one"]);
    }
}

#[test]
fn postgres_check_finds_what_a_start_lacks() {
    let Some(machine) = Machine::new() else { return };
    let (role, url) = machine.role("writer");
    machine.refuses(&url, "the role lacks CREATE on the database");
    machine.at(&machine.url(), "serve --check").run().ok();
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'hook'";
    assert_eq!(machine.sql(made), "0", "a check makes nothing");
    machine.sql(&format!("GRANT CREATE ON DATABASE {} TO {role}", machine.database));
    machine
        .at(&url, "serve --check")
        .run()
        .ok()
        .prints(["is made at the start"]);
    machine.sql("CREATE SCHEMA hook");
    machine.refuses(&url, "the role may not make tables in schema `hook`");
    machine.sql(&format!("REVOKE CREATE ON DATABASE {} FROM {role}", machine.database));
    machine.sql(&format!("GRANT ALL ON SCHEMA hook TO {role}"));
    let send = format!("send job.paid -p generic --data {{}} --to {CLOSED_PORT}");
    machine.at(&url, &send).run().exits(4);
    machine.at(&url, "serve --check").run().ok();
}

#[test]
fn postgres_check_finds_a_role_that_may_only_read() {
    let Some(machine) = Machine::new() else { return };
    machine
        .hook(&format!("send job.paid -p generic --data {{}} --to {CLOSED_PORT}"))
        .exits(4);
    let (role, url) = machine.role("reader");
    machine.refuses(&url, "permission denied for schema hook");
    machine.sql(&format!(
        "GRANT USAGE ON SCHEMA hook TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA hook TO {role}"
    ));
    machine.refuses(&url, "the role lacks DELETE on table");
    machine.at(&url, "log").run().ok().prints(["#1"]);
    machine.sql(&format!(
        "GRANT ALL ON ALL TABLES IN SCHEMA hook TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA hook TO {role}"
    ));
    let check = machine.at(&url, "serve --check").run().ok();
    check.prints(["the role does not own the tables", "the role that made the tables"]);
    machine.sql(&format!("GRANT hook TO {role}; GRANT ALL ON SCHEMA hook TO {role}"));
    machine.at(&url, "serve --check").run().ok().never(["does not own"]);
}

#[test]
fn postgres_check_finds_a_server_that_takes_no_writes() {
    let Some(machine) = Machine::new() else { return };
    let url = format!("{}?options=-c%20default_transaction_read_only%3Don", machine.url());
    machine.refuses(&url, "`default_transaction_read_only` is on");
    machine
        .hook(&format!("send job.paid -p generic --data {{}} --to {CLOSED_PORT}"))
        .exits(4);
    machine.refuses(&url, "`default_transaction_read_only` is on");
}
