//! What is particular to PostgreSQL: the conformance suite is run first.

use super::*;
use crate::store::conformance::{Fixture, conformance};

#[path = "../../../tests/support/postgres.rs"]
mod cluster;

/// A database of its own.
struct Database {
    name: String,
}

impl Database {
    fn url(&self) -> String {
        server().url(&self.name)
    }

    fn opened(&self, access: Access) -> PostgresStore {
        PostgresStore::open(&self.url(), access, StoreOptions::default()).unwrap()
    }
}

fn server() -> &'static cluster::Cluster {
    cluster::shared().unwrap()
}

impl Fixture for Database {
    type Store = PostgresStore;

    const HAS_CLOCK: bool = true;

    fn is_available() -> bool {
        cluster::shared().is_some()
    }

    fn new() -> Self {
        Self {
            name: server().database(),
        }
    }

    fn open(&self) -> PostgresStore {
        self.opened(Access::ReadWrite).with_given_clock()
    }
}

conformance!(Database);
