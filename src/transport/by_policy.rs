//! One HTTP transport for each address policy: for deliveries that were recorded with different ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{AddressPolicy, HttpOptions, HttpOptionsError, HttpTransport, Transport};
use crate::exchange::{ErrorKind, Outcome, Request};

/// Sends each request within the addresses that its delivery may reach. Connections are never shared between policies.
pub struct TransportByPolicy {
    options: HttpOptions,
    made: Mutex<HashMap<AddressPolicy, Arc<HttpTransport>>>,
}

impl TransportByPolicy {
    /// With these options but for the addresses. What is wrong with them is said now.
    pub fn new(options: HttpOptions) -> Result<Self, HttpOptionsError> {
        let first = HttpTransport::new(options.clone())?;
        Ok(Self {
            made: Mutex::new(HashMap::from([(options.addresses, Arc::new(first))])),
            options,
        })
    }

    fn within(&self, addresses: AddressPolicy) -> Result<Arc<HttpTransport>, HttpOptionsError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(transport) = made.get(&addresses) {
            return Ok(Arc::clone(transport));
        }
        let options = HttpOptions {
            addresses,
            ..self.options.clone()
        };
        let transport = Arc::new(HttpTransport::new(options)?);
        made.insert(addresses, Arc::clone(&transport));
        Ok(transport)
    }
}

impl Transport for TransportByPolicy {
    async fn send(&self, request: &Request) -> Outcome {
        self.send_within(request, self.options.addresses).await
    }

    async fn send_within(&self, request: &Request, addresses: AddressPolicy) -> Outcome {
        match self.within(addresses) {
            Ok(transport) => transport.send(request).await,
            Err(error) => Outcome::Error {
                kind: ErrorKind::Connect,
                text: error.to_string(),
            },
        }
    }
}
